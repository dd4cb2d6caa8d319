import { identify, isAlive } from '@elstream/embedded-postgres';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { startRedisServer } from './redis-server';
import { redisCommand } from './resp';
import { scratchFolder, until } from './servers.fixture';

const register = path.join(__dirname, '..', '..', '..', 'tools', 'swc-register.cjs');

describe('startRedisServer', () => {
  it('gives a server that answers on a port of its own, and leaves nothing behind', async () => {
    const [first, second] = await Promise.all([startRedisServer(), startRedisServer()]);
    expect(first.port).not.toBe(second.port);
    expect(await redisCommand(first.url, ['PING'])).toBe('PONG');
    const server = identify(first.pid!)!;
    await first.stop();
    await first.stop();
    expect(isAlive(server)).toBe(false);
    expect(existsSync(first.dir)).toBe(false);
    await expect(redisCommand(first.url, ['PING'])).rejects.toThrow('ECONNREFUSED');
    expect(await redisCommand(second.url, ['PING'])).toBe('PONG');
    await second.stop();
  });

  it('comes back after a SIGKILL on the same port, empty', async () => {
    await using server = await startRedisServer();
    const { url, pid } = server;
    await redisCommand(url, ['SET', 'key', 'välue']);
    expect(await redisCommand(url, ['GET', 'key'])).toBe('välue');
    await server.kill();
    expect(server.pid).toBeUndefined();
    await expect(redisCommand(url, ['PING'])).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    expect(await redisCommand(url, ['GET', 'key'])).toBe('');
  });

  it('is silent while suspended, and goes on with what it had', async () => {
    await using server = await startRedisServer();
    await redisCommand(server.url, ['SET', 'key', 'value']);
    server.suspend();
    await expect(redisCommand(server.url, ['GET', 'key'], 200)).rejects.toThrow('does not answer');
    server.resume();
    expect(await redisCommand(server.url, ['GET', 'key'])).toBe('value');
    server.suspend();
  });

  it('forgets every key at flushAll', async () => {
    await using server = await startRedisServer();
    await redisCommand(server.url, ['SET', 'key', 'value']);
    await server.flushAll();
    expect(await redisCommand(server.url, ['GET', 'key'])).toBe('');
  });

  it('asks for its password, of which its arguments hold nothing', async () => {
    const password = 'a "b"\\c#@:%ü';
    await using server = await startRedisServer({ password, args: ['--maxclients', '50'] });
    expect(await redisCommand(server.url, ['PING'])).toBe('PONG');
    const without = `redis://127.0.0.1:${String(server.port)}`;
    await expect(redisCommand(without, ['PING'])).rejects.toThrow('NOAUTH');
    await expect(redisCommand(`${without.replace('//', '//:wrong@')}`, ['PING'])).rejects.toThrow('WRONGPASS');
    if (process.platform === 'linux') expect(readFileSync(`/proc/${String(server.pid)}/cmdline`, 'utf8')).not.toContain('a "b"');
  });

  it('keeps its data over a restart and its folder over a stop when told so', async () => {
    using folder = scratchFolder();
    const options = { dir: path.join(folder.path, 'redis'), config: ['appendonly yes', 'appendfsync always'] };
    const first = await startRedisServer(options);
    await redisCommand(first.url, ['SET', 'key', 'value']);
    await first.restart();
    expect(await redisCommand(first.url, ['GET', 'key'])).toBe('value');
    await first.stop();
    await using second = await startRedisServer({ ...options, preferredPort: first.port });
    expect(second.port).toBe(first.port);
    expect(await redisCommand(second.url, ['GET', 'key'])).toBe('value');
  });

  it('takes another port when the preferred one is taken, and refuses a taken port that was asked for', async () => {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    try {
      await using server = await startRedisServer({ preferredPort: port });
      expect(server.port).not.toBe(port);
      await expect(startRedisServer({ port, startTimeoutMs: 300 })).rejects.toThrow(`port ${String(port)} on 127.0.0.1 is taken`);
    } finally {
      other.close();
    }
  });

  it('tells the end of the log when the server refuses its settings', async () => {
    await expect(startRedisServer({ config: ['no-such-setting 1'] })).rejects.toThrow(/no-such-setting|Bad directive/);
  });

  it('ends with a process that is killed', async () => {
    const script = `require(${JSON.stringify(path.join(__dirname, 'index.ts'))}).startRedisServer().then((s) => { process.stdout.write(s.pid + ' ' + s.dir + '\\n'); setInterval(() => undefined, 1000); })`;
    const child = spawn(process.execPath, ['-r', register, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [pid, dir] = line.toString().trim().split(' ');
    const server = identify(Number(pid))!;
    child.kill('SIGKILL');
    await until(() => !isAlive(server) && !existsSync(dir!), 'server and folder are gone');
  });
});

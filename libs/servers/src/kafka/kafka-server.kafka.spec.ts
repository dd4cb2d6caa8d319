import { identify, isAlive } from '@elstream/embedded-postgres';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { scratchFolder, until } from '../servers.fixture';
import { startKafkaServer } from './kafka-server';
import { describeKafka } from './probe';

const register = path.join(__dirname, '..', '..', '..', '..', 'tools', 'swc-register.cjs');

jest.setTimeout(180_000);

describe('startKafkaServer', () => {
  it('gives a Kafka on a port of its own that comes back as it was after a SIGKILL, and leaves nothing behind', async () => {
    const server = await startKafkaServer();
    const { brokers, pid, dir } = server;
    const cluster = await describeKafka(brokers);
    expect(cluster).toEqual({ clusterId: expect.stringMatching(/^[\w-]{22}$/) as string, brokers: 1 });
    await server.kill();
    expect(server.pid).toBeUndefined();
    await expect(describeKafka(brokers)).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect(server.brokers).toBe(brokers);
    expect(server.pid).not.toBe(pid);
    expect(await describeKafka(brokers)).toEqual(cluster);

    server.suspend();
    await expect(describeKafka(brokers, 300)).rejects.toThrow('does not answer');
    server.resume();
    expect(await describeKafka(brokers)).toEqual(cluster);

    const process = identify(server.pid!)!;
    await server.stop();
    await server.stop();
    expect(isAlive(process)).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });

  it('keeps a folder that was given, and its data in it', async () => {
    using folder = scratchFolder();
    const dir = path.join(folder.path, 'kafka');
    const first = await startKafkaServer({ dir });
    const cluster = await describeKafka(first.brokers);
    await first.stop();
    await using second = await startKafkaServer({ dir, preferredPort: first.port });
    expect(second.port).toBe(first.port);
    expect(await describeKafka(second.brokers)).toEqual(cluster);
  });

  it('tells the end of the log when the broker refuses its settings', async () => {
    await expect(startKafkaServer({ config: { 'num.io.threads': 'many' } })).rejects.toThrow(/num\.io\.threads/);
  });

  it('ends with a process that is killed', async () => {
    const script = `require(${JSON.stringify(path.join(__dirname, '..', 'index.ts'))}).startKafkaServer().then((s) => { process.stdout.write(s.pid + ' ' + s.dir + '\\n'); setInterval(() => undefined, 1000); })`;
    const child = spawn(process.execPath, ['-r', register, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [pid, dir] = line.toString().trim().split(' ');
    const server = identify(Number(pid))!;
    child.kill('SIGKILL');
    await until(() => !isAlive(server) && !existsSync(dir!), 'server and folder are gone');
  });
});

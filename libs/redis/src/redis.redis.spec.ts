import type { RedisSettings } from '@elstream/config';
import { silentLogger, type Logger } from '@elstream/core';
import { redisCommand, startRedisServer, type RedisServer } from '@elstream/servers';
import type { Redis } from 'ioredis';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { checkRedis, closeRedis, openRedis, withRedis } from './index';

const settings = (url: string, more: Partial<RedisSettings> = {}): RedisSettings => ({ url, sentinel: null, tlsCaFile: null, prefix: 'elstream', ...more });

let lines: string[];
let logger: Logger;
const open: Redis[] = [];
const servers: RedisServer[] = [];
const connect = (given: RedisSettings): Redis => {
  const redis = openRedis(given, { logger, name: 'test' });
  open.push(redis);
  return redis;
};
const start = async (...options: Parameters<typeof startRedisServer>): Promise<RedisServer> => {
  const server = await startRedisServer(...options);
  servers.push(server);
  return server;
};
beforeEach(() => {
  lines = [];
  const log = (level: string) => (_: unknown, message: string) => void lines.push(`${level}: ${message}`);
  logger = { child: () => logger, debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((redis) => closeRedis(redis)));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

describe('looking at a Redis at start', () => {
  it('is content with one server of a new enough version', async () => {
    const server = await start();
    await checkRedis(connect(settings(server.url)), logger);
    expect(lines).toEqual([]);
  });

  it('refuses a Redis Cluster by name', async () => {
    const server = await start({ args: ['--cluster-enabled', 'yes'] });
    await expect(checkRedis(connect(settings(server.url)), logger)).rejects.toMatchObject({ code: 'REDIS_CLUSTER', recovery: 'refuse', place: { setting: 'REDIS_URL' } });
  });

  it.each([['5.0.14', false], ['6.0.20', false], ['6.2.0', true], ['7.0.15', true], ['10.0.0', true], ['', false]])('takes version %s: %s', async (version, taken) => {
    const redis = { info: async () => `# Server\r\nredis_version:${version}\r\ncluster_enabled:0\r\n` } as unknown as Redis;
    const checked = checkRedis(redis, silentLogger);
    if (taken) await checked;
    else await expect(checked).rejects.toMatchObject({ code: 'REDIS_VERSION', recovery: 'refuse' });
  });

  it('warns of a Redis that may evict keys', async () => {
    const server = await start({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    await checkRedis(connect(settings(server.url)), logger);
    expect(lines).toEqual([expect.stringContaining('noeviction')]);
  });

  it.each([
    ['a wrong password', 'redis://:wrong@'],
    ['no password', 'redis://'],
    ['an unknown user', 'redis://nobody:secret@'],
  ])('refuses %s naming the setting', async (_, scheme) => {
    const server = await start({ password: 'secret' });
    await checkRedis(connect(settings(server.url)), logger);
    const refused = connect(settings(`${scheme}127.0.0.1:${String(server.port)}`));
    await expect(checkRedis(refused, logger)).rejects.toMatchObject({ code: 'REDIS_AUTH', recovery: 'refuse', place: { setting: 'REDIS_URL' } });
    expect(lines.join('\n')).not.toContain('secret');
  });

  it('says that nobody is there, as something to try again', async () => {
    const redis = connect(settings(`redis://127.0.0.1:${String(await freePort())}`));
    await expect(checkRedis(redis, logger)).rejects.toMatchObject({ code: 'REDIS_AWAY', recovery: 'retry' });
  });
});

describe('a connection to Redis', () => {
  it('comes back by itself, says once each that Redis is away and back, and answers with an error meanwhile', async () => {
    const server = await start();
    const redis = connect(settings(server.url));
    await redis.ping();
    await server.kill();
    for (let i = 0; i < 3; i += 1) await expect(withRedis(redis, (r) => r.ping(), 500)).rejects.toMatchObject({ code: 'REDIS_AWAY', recovery: 'retry' });
    await server.restart();
    for (let answered = false; !answered; ) answered = await withRedis(redis, (r) => r.ping()).then(() => true, () => false);
    expect(lines).toEqual(['warn: Redis is away; it is tried again for ever', 'info: Redis is back']);
  });

  it('gives a silent Redis up within the time asked for', async () => {
    const server = await start();
    const redis = connect(settings(server.url));
    await redis.ping();
    server.suspend();
    await expect(withRedis(redis, (r) => r.ping(), 100)).rejects.toMatchObject({ code: 'REDIS_AWAY' });
    server.resume();
    expect(await withRedis(redis, (r) => r.ping())).toBe('PONG');
  });

  it('that is closed leaves no command waiting, nor a duplicate trying', async () => {
    const server = await start();
    const redis = openRedis(settings(server.url), { logger, name: 'test', use: 'wait' });
    const copy = redis.duplicate();
    copy.on('error', () => undefined);
    await Promise.all([redis.ping(), copy.ping()]);
    await server.kill();
    const waiting = Promise.allSettled([redis.ping(), copy.blpop('nothing', 0)]);
    await closeRedis(redis);
    expect((await waiting).map((w) => w.status)).toEqual(['rejected', 'rejected']);
    expect([redis.status, copy.status]).toEqual(['end', 'end']);
  });
});

describe('a connection over TLS and Sentinels', () => {
  let folder: string;
  let certificate: string;
  let tls: string[];
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-tls-'));
    certificate = path.join(folder, 'cert.pem');
    const key = path.join(folder, 'key.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    tls = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'];
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('trusts the authorities of REDIS_TLS_CA_FILE and no others', async () => {
    const port = await freePort();
    await start({ password: 'secret', args: ['--tls-port', String(port), ...tls] });
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = `rediss://:secret@${host}:${String(port)}`;
      await checkRedis(connect(settings(url, { tlsCaFile: certificate })), logger);
      await expect(checkRedis(connect(settings(url)), logger)).rejects.toMatchObject({ code: 'REDIS_AWAY' });
    }
  });

  it.each([['plainly', false], ['over TLS', true]])('finds the master through Sentinels that ask for a password, %s', async (_, secure) => {
    const ports = secure ? [await freePort(), await freePort()] : [];
    const flags = (i: number): string[] => (secure ? ['--tls-port', String(ports[i]), '--tls-replication', 'yes', ...tls] : []);
    const master = await start({ password: 'secret', args: flags(0) });
    const sentinel = await start({ password: 'watch', args: ['--sentinel', ...flags(1)] });
    await redisCommand(sentinel.url, ['SENTINEL', 'MONITOR', 'main', '127.0.0.1', String(ports[0] ?? master.port), '1']);
    await redisCommand(sentinel.url, ['SENTINEL', 'SET', 'main', 'auth-pass', 'secret']);
    const nodes = [{ host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: ports[1] ?? sentinel.port }];
    const given = settings(`${secure ? 'rediss' : 'redis'}://:secret@ignored/1`, { sentinel: { nodes, master: 'main', password: 'watch' }, tlsCaFile: secure ? certificate : null });
    const redis = connect(given);
    await checkRedis(redis, logger);
    expect(await redis.set('a', 'b')).toBe('OK');
    expect(await redisCommand(master.url, ['DBSIZE'])).toBe('0');
    await redisCommand(master.url, ['FLUSHALL']);
    expect(await redis.get('a')).toBeNull();
  });
});

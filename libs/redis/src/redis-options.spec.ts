import type { RedisSettings } from '@elstream/config';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { redisOptions } from './redis-options';

const settings = (url: string, more: Partial<RedisSettings> = {}): RedisSettings => ({ url, sentinel: null, tlsCaFile: null, prefix: 'elstream', ...more });
const sentinel = { nodes: [{ host: 's1', port: 26379 }, { host: 's2', port: 26380 }], master: 'main', password: 'sp' };

describe('the options of a Redis connection', () => {
  let folder: string;
  let ca: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-ca-'));
    ca = path.join(folder, 'ca.pem');
    writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n');
    writeFileSync(path.join(folder, 'none.pem'), 'nothing');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['redis://h', { host: 'h', port: 6379, db: 0 }],
    ['redis://h:7000/3', { host: 'h', port: 7000, db: 3 }],
    ['redis://:p%40ss@h/', { password: 'p@ss', db: 0 }],
    ['redis://us%3Aer:p@[::1]:1', { username: 'us:er', password: 'p', host: '::1', port: 1 }],
    ['rediss://h.example', { host: 'h.example', tls: { servername: 'h.example' } }],
    ['rediss://10.0.0.1', { host: '10.0.0.1', tls: {} }],
  ])('takes %s apart', (url, expected) => {
    expect(redisOptions(settings(url))).toMatchObject(expected);
  });

  it('speaks no TLS and sends no password unless told', () => {
    const options = redisOptions(settings('redis://h'));
    for (const name of ['tls', 'username', 'password', 'sentinels', 'sentinelTLS']) expect(options).not.toHaveProperty(name);
  });

  it('asks the Sentinels for the master, with user, password, database and TLS of the URL and the Sentinels’ own password', () => {
    const options = redisOptions(settings('rediss://u:p@ignored/2', { sentinel, tlsCaFile: ca }));
    expect(options).toMatchObject({ sentinels: sentinel.nodes, name: 'main', role: 'master', sentinelPassword: 'sp', username: 'u', password: 'p', db: 2, enableTLSForSentinelMode: true });
    expect(options.tls?.ca).toContain('BEGIN CERTIFICATE');
    expect(options.sentinelTLS).toEqual(options.tls);
    expect(options).not.toHaveProperty('host');
  });

  it('leaves the Sentinels’ password and TLS out where there are none', () => {
    const options = redisOptions(settings('redis://ignored', { sentinel: { ...sentinel, password: null } }));
    for (const name of ['sentinelPassword', 'sentinelTLS', 'tls', 'enableTLSForSentinelMode']) expect(options).not.toHaveProperty(name);
  });

  it('tries again for ever, never more than two seconds later', () => {
    const { retryStrategy, sentinelRetryStrategy } = redisOptions(settings('redis://h', { sentinel }));
    for (const times of [1, 5, 50, 5_000, 1e9]) {
      for (const delay of [retryStrategy?.(times), sentinelRetryStrategy?.(times)]) {
        expect(delay).toBeGreaterThanOrEqual(50);
        expect(delay).toBeLessThanOrEqual(2_000);
      }
    }
  });

  it('limits how long a question may take, and lets loops wait', () => {
    expect(redisOptions(settings('redis://h'), 'ask')).toMatchObject({ commandTimeout: 4_000, maxRetriesPerRequest: 1 });
    expect(redisOptions(settings('redis://h'), 'wait').maxRetriesPerRequest).toBeNull();
    expect(redisOptions(settings('redis://h'), 'wait')).not.toHaveProperty('commandTimeout');
  });

  it.each([
    ['REDIS_URL', 'no url', {}],
    ['REDIS_URL', 'http://h', {}],
    ['REDIS_URL', 'redis:///1', {}],
    ['REDIS_URL', 'redis://h/x', {}],
    ['REDIS_URL', 'redis://h/1/2', {}],
    ['REDIS_URL', 'redis://:%zz@h', {}],
    ['REDIS_TLS_CA_FILE', 'redis://h', { tlsCaFile: 'ca.pem' }],
    ['REDIS_TLS_CA_FILE', 'rediss://h', { tlsCaFile: 'missing.pem' }],
    ['REDIS_TLS_CA_FILE', 'rediss://h', { tlsCaFile: 'none.pem' }],
  ])('refuses by the name of %s: %s %j', (setting, url, more: Partial<RedisSettings>) => {
    const given = typeof more.tlsCaFile !== 'string' ? more : { tlsCaFile: path.join(folder, more.tlsCaFile) };
    expect(() => redisOptions(settings(url, given))).toThrow(expect.objectContaining({ code: 'REDIS_SETTINGS', recovery: 'refuse', place: { setting } }));
    expect(() => redisOptions(settings(url, given))).toThrow(setting);
  });
});

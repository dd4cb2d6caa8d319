import { backoffMs, ElstreamError } from '@elstream/core';
import type { RedisSettings } from '@elstream/config';
import type { RedisOptions } from 'ioredis';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { redisError } from './redis-error';

/**
 * What a connection is for:
 * - `ask`: somebody waits for the answer; a command fails within seconds when Redis is away
 * - `wait`: a loop that has time; its commands wait until Redis is back (BullMQ's workers and subscriptions need it)
 */
export type RedisUse = 'ask' | 'wait';

/** How long a command of an `ask` connection may take, waiting for the connection included. */
export const ASK_TIMEOUT_MS = 4_000;
const RECONNECT = { minMs: 100, maxMs: 2_000 };
const DEFAULT_PORT = 6379;

/**
 * The ioredis options of our settings. Connections come back by themselves for ever, with a back-off of at most 2 s.
 *
 * @throws ElstreamError `REDIS_SETTINGS` (refuse) naming the setting
 */
export function redisOptions(settings: RedisSettings, use: RedisUse = 'ask'): RedisOptions {
  const url = parseUrl(settings.url);
  const tls = tlsOptions(settings, url);
  const secure = tls === null ? {} : { tls };
  const connection = {
    ...(url.username === '' ? {} : { username: decode(url.username) }),
    ...(url.password === '' ? {} : { password: decode(url.password) }),
    db: database(url),
    connectionName: settings.prefix.replace(/[^\x21-\x7e]/g, '_'),
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (times: number) => backoffMs(times, RECONNECT),
    // A master that a failover made a replica says READONLY to every write: connect to the new one and send it again.
    reconnectOnError: (error: Error) => (redisError(error).code === 'REDIS_READONLY' ? 2 : false),
    ...(use === 'ask' ? { maxRetriesPerRequest: 1, commandTimeout: ASK_TIMEOUT_MS } : { maxRetriesPerRequest: null }),
    ...secure,
  } satisfies RedisOptions;
  if (settings.sentinel === null) return { ...connection, host: host(url), port: url.port === '' ? DEFAULT_PORT : Number(url.port) };
  return {
    ...connection,
    sentinels: settings.sentinel.nodes.map((n) => ({ ...n })),
    name: settings.sentinel.master,
    role: 'master',
    sentinelRetryStrategy: (times) => backoffMs(times, RECONNECT),
    ...(settings.sentinel.password === null ? {} : { sentinelPassword: settings.sentinel.password }),
    // rediss:// means: the master and the Sentinels, both. ioredis would speak TLS to neither without these two.
    ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

function parseUrl(text: string): URL {
  const refuse = (why: string): ElstreamError => refusal('REDIS_URL', `${why}; it is redis[s]://[user:password@]host[:port][/db]`);
  if (!URL.canParse(text)) throw refuse('is no URL');
  const url = new URL(text);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw refuse(`starts with ${url.protocol}, not with redis: or rediss:`);
  if (url.hostname === '') throw refuse('names no host');
  return url;
}

const host = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refusal('REDIS_URL', 'has a % in its user or password that is no escape; write it %25');
  }
}

function database(url: URL): number {
  const path = url.pathname.replace(/^\//, '');
  if (!/^\d*$/.test(path)) throw refusal('REDIS_URL', 'ends in something else than the number of a database');
  return Number(path);
}

function tlsOptions(settings: RedisSettings, url: URL): { ca?: string; servername?: string } | null {
  if (url.protocol !== 'rediss:') {
    if (settings.tlsCaFile === null) return null;
    throw refusal('REDIS_TLS_CA_FILE', 'has no effect without TLS: let REDIS_URL start with rediss://');
  }
  // With Sentinels the master's address is theirs to say, and its certificate is checked against that.
  const named = settings.sentinel === null && isIP(host(url)) === 0 ? { servername: host(url) } : {};
  return settings.tlsCaFile === null ? named : { ...named, ca: readCa(settings.tlsCaFile) };
}

function readCa(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  } catch (error) {
    throw refusal('REDIS_TLS_CA_FILE', `names ${file}, which cannot be read`, error);
  }
  throw refusal('REDIS_TLS_CA_FILE', `names ${file}, which holds no PEM certificate`);
}

function refusal(setting: string, why: string, cause?: unknown): ElstreamError {
  return new ElstreamError('REDIS_SETTINGS', 'refuse', `${setting} ${why}`, { place: { setting }, ...(cause === undefined ? {} : { cause }) });
}

import { ElstreamError, type Logger } from '@elstream/core';
import type { Redis } from 'ioredis';
import { withRedis } from './open-redis';

const LEAST: readonly [number, number] = [6, 2];

/**
 * Looks once, at start, whether this Redis can serve: version 6.2 or newer and no Redis Cluster. Warns when it may
 * evict keys, since a queue that loses keys silently is only mended by the next look of the reconciler.
 *
 * @throws ElstreamError `REDIS_CLUSTER` or `REDIS_VERSION` (refuse), else as `withRedis`
 */
export async function checkRedis(redis: Redis, logger: Logger): Promise<void> {
  const info = parseInfo(await withRedis(redis, (r) => r.info()));
  if (info.get('cluster_enabled') === '1' || info.get('redis_mode') === 'cluster') {
    throw new ElstreamError('REDIS_CLUSTER', 'refuse', 'REDIS_URL names a Redis Cluster, which is not supported: give one server, or a master with Sentinels (REDIS_SENTINELS)', { place: { setting: 'REDIS_URL' } });
  }
  const version = info.get('redis_version') ?? '';
  if (!isNewEnough(version)) {
    throw new ElstreamError('REDIS_VERSION', 'refuse', `REDIS_URL names a Redis ${version}; ${LEAST.join('.')} or newer is needed`, { place: { setting: 'REDIS_URL' } });
  }
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction') {
    logger.warn({ policy }, 'Redis may evict keys when its memory is full, also those of waiting jobs: set maxmemory-policy noeviction');
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = text.split(/\r?\n/).map((line) => line.split(':'));
  return new Map(fields.map(([name = '', ...value]) => [name, value.join(':')]));
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]);
}

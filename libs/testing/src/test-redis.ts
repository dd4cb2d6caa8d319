import { type RedisServer, redisCommand, startRedisServer } from '@elstream/servers';
import { randomBytes } from 'node:crypto';

export { type RedisServer, type RedisServerOptions, startRedisServer as startOwnRedis } from '@elstream/servers';

/** A part of a Redis for one test: the keys that begin with `prefix` are its own, and gone at the end of `await using`. */
export interface TestRedis {
  /** Connection string of the server. May hold a password. */
  readonly url: string;
  /** Unique over all processes; letters, digits and `_` only. */
  readonly prefix: string;
  /** Deletes every key of the prefix (BullMQ's and others'). Idempotent. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Kept for the life of the process (of a test file under jest), with which it ends. */
let shared: Promise<RedisServer> | undefined;

/**
 * Connection string of the Redis for ordinary tests: the one at `ELSTREAM_TEST_REDIS_URL` if set, else one of this process
 * (of this test file under jest), started when first asked for: a start takes some 30 ms, so nothing need be shared
 * between files.
 */
export async function testRedisUrl(): Promise<string> {
  const given = process.env['ELSTREAM_TEST_REDIS_URL'];
  if (given) return given;
  return (await (shared ??= startRedisServer())).url;
}

/** A prefix of its own on the Redis for ordinary tests. A test that kills, suspends or empties Redis takes `startOwnRedis`. */
export async function createTestRedis(prefix = 'test'): Promise<TestRedis> {
  const url = await testRedisUrl();
  const name = `${prefix}_${String(process.pid)}_${randomBytes(5).toString('hex')}`;
  const drop = async (): Promise<void> => {
    const script = "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', key) end return 'OK'";
    await redisCommand(url, ['EVAL', script, '0', name], 30_000);
  };
  return { url, prefix: name, drop, [Symbol.asyncDispose]: drop };
}

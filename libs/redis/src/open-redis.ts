import { describeError, sleep, type Logger } from '@elstream/core';
import type { RedisSettings } from '@elstream/config';
import { Redis, type RedisOptions } from 'ioredis';
import { redisError } from './redis-error';
import { ASK_TIMEOUT_MS, redisOptions, type RedisUse } from './redis-options';
import { throttle } from './throttle';

export interface OpenRedisOptions {
  readonly logger: Logger;
  /** Who uses it, for the log: "queue", "bus", … */
  readonly name: string;
  /** Default `ask`. */
  readonly use?: RedisUse;
  /** Connect with the first command only; default at once. */
  readonly lazy?: boolean;
}

interface State {
  /** Since when it cannot be reached; null while it can. Performance clock. */
  awaySince: number | null;
  lastError: Error | null;
  /** Closed by us: neither it nor a duplicate of it is to be tried again. */
  ended: boolean;
  /** Duplicates somebody else (BullMQ) made of it. */
  readonly copies: Redis[];
}

const states = new WeakMap<Redis, State>();
const SAY_AGAIN_MS = 30_000;

/**
 * A connection that comes back by itself for ever. Says once in the log (and again every 30 s) that Redis is away, and
 * once that it is back; never throws because Redis is away.
 *
 * @throws ElstreamError `REDIS_SETTINGS` as `redisOptions`
 */
export function openRedis(settings: RedisSettings, options: OpenRedisOptions): Redis {
  const state: State = { awaySince: options.lazy === true ? null : performance.now(), lastError: null, ended: false, copies: [] };
  const redis = new Redis({ ...endable(redisOptions(settings, options.use ?? 'ask'), state), lazyConnect: options.lazy === true });
  const logger = options.logger.child({ redis: options.name });
  states.set(redis, state);
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => {
    const copy = duplicate(override);
    state.copies.push(copy);
    return copy;
  };
  const sayable = throttle(SAY_AGAIN_MS);
  let said = false;
  redis.on('error', (error: Error) => {
    state.lastError = error;
    const { code, recovery } = redisError(error);
    if (sayable(code) === 0) return;
    said = true;
    logger[recovery === 'retry' ? 'warn' : 'error']({ code, error: describeError(redisError(error)) }, 'Redis is away; it is tried again for ever');
  });
  redis.on('close', () => {
    state.awaySince ??= performance.now();
  });
  redis.on('ready', () => {
    if (said) logger.info({ ms: Math.round(performance.now() - (state.awaySince ?? performance.now())) }, 'Redis is back');
    said = false;
    state.awaySince = null;
    state.lastError = null;
  });
  return redis;
}

/**
 * Never lazy unless asked for: a duplicate of a lazy connection (BullMQ makes one) would give up when its first try fails.
 * A duplicate shares these functions, so it is not tried again either once the connection it was made of was closed.
 */
function endable(options: RedisOptions, state: State): RedisOptions {
  const unlessEnded = (strategy: RedisOptions['retryStrategy']) => (times: number) => (state.ended ? null : strategy?.(times));
  return {
    ...options,
    retryStrategy: unlessEnded(options.retryStrategy),
    ...(options.sentinelRetryStrategy === undefined ? {} : { sentinelRetryStrategy: unlessEnded(options.sentinelRetryStrategy) }),
  };
}

/**
 * Runs commands on an `ask` connection: fails at once when Redis has been away for seconds already, and within
 * `timeoutMs` else. A command that timed out may still reach Redis later.
 *
 * @throws ElstreamError as `redisError` says; a wrong password is named even when it shows as a timeout
 */
export async function withRedis<T>(redis: Redis, work: (redis: Redis) => Promise<T>, timeoutMs: number = ASK_TIMEOUT_MS): Promise<T> {
  const state = states.get(redis);
  const away = state?.awaySince ?? null;
  if (away !== null && performance.now() - away > timeoutMs) throw redisError(state?.lastError ?? new Error('no connection'));
  const settled = new AbortController();
  const late = sleep(timeoutMs, settled.signal).then(() => {
    throw redisError(state?.lastError ?? new Error(`no answer within ${String(timeoutMs)} ms`));
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work(redis), late]);
  } catch (error) {
    const known = redisError(error);
    throw known.code === 'REDIS_AWAY' && state !== undefined && state.lastError !== null ? redisError(state.lastError) : known;
  } finally {
    settled.abort();
  }
}

/** Ends a connection and all duplicates of it: politely when it stands, at once else. Never throws, takes a second at most. */
export async function closeRedis(redis: Redis): Promise<void> {
  const state = states.get(redis);
  if (state !== undefined) state.ended = true;
  if (redis.status === 'ready') await Promise.race([redis.quit().catch(() => undefined), sleep(1_000)]);
  for (const connection of [redis, ...(state?.copies ?? [])]) end(connection);
}

/**
 * ioredis that is told to disconnect between two tries neither says `end` nor rejects the commands that wait: who awaits
 * one of them would wait for ever. One more try, the last, ends it as it should.
 */
function end(connection: Redis): void {
  if (connection.status === 'end') return;
  const between = connection.status === 'reconnecting';
  connection.disconnect();
  if (between) void connection.connect().then(() => connection.disconnect(), () => undefined);
}

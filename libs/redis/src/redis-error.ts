import { ElstreamError } from '@elstream/core';

/** Error replies start with a word of their own; that word is Redis's error code, the rest is prose. */
const REPLY_CODE = /^(?:Ready check failed: )?([A-Z]+)(?: |$)/;

const REFUSED: Readonly<Record<string, string>> = {
  WRONGPASS: 'Redis does not accept the user and password of REDIS_URL (with Sentinels perhaps REDIS_SENTINEL_PASSWORD): correct them',
  NOAUTH: 'Redis asks for a password and REDIS_URL has none: put it there, redis://[user]:password@host',
  NOPERM: 'the user of REDIS_URL may not do what is needed: grant it all commands on the keys and channels that start with REDIS_PREFIX, and INFO',
};

/** Passing states of a server: it loads its data, a script blocks it, it became a replica, its disk or memory is full. */
const PASSING: ReadonlySet<string> = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'TRYAGAIN', 'CLUSTERDOWN', 'MISCONF', 'OOM', 'NOREPLICAS', 'UNBLOCKED']);

/**
 * Any error of a Redis client in our terms: `REDIS_AUTH` (refuse, names the setting), `REDIS_READONLY`, `REDIS_BUSY` and
 * `REDIS_AWAY` (retry). Everything that is no reply of Redis came from the way to it.
 */
export function redisError(error: unknown): ElstreamError {
  if (error instanceof ElstreamError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = REPLY_CODE.exec(message)?.[1] ?? '';
  const refused = REFUSED[code];
  if (refused !== undefined) return new ElstreamError('REDIS_AUTH', 'refuse', refused, { cause: error, place: { setting: 'REDIS_URL' } });
  if (code === 'READONLY') return new ElstreamError('REDIS_READONLY', 'retry', 'Redis is a read-only replica just now; it is asked again', { cause: error });
  if (PASSING.has(code)) return new ElstreamError('REDIS_BUSY', 'retry', `Redis cannot serve just now: ${message}`, { cause: error });
  if (code === 'ERR' || code === 'WRONGTYPE' || code === 'NOSCRIPT') return new ElstreamError('REDIS_REPLY', 'stop', `Redis refused a command: ${message}`, { cause: error });
  return new ElstreamError('REDIS_AWAY', 'retry', 'Redis cannot be reached; it is tried again by itself (REDIS_URL)', { cause: error });
}

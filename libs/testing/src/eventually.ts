import { setTimeout as sleep } from 'node:timers/promises';

/** What a probe begun just before the limit may take. */
const LAST_PROBE_MS = 10_000;

export interface EventuallyOptions {
  /** Default 30,000 ms. */
  readonly timeoutMs?: number;
  /** What is waited for, for the error's message. */
  readonly describe?: string;
  /** Something that must not fail meanwhile (a running service): its failure ends the wait at once. */
  readonly unlessFails?: Promise<unknown>;
  readonly intervalMs?: number;
}

/**
 * Calls `probe` until it neither throws nor returns `false`, and resolves to what it returned. The error after the
 * timeout holds what was waited for and the last failure. So both `() => expect(…)` and `() => n === 3` work.
 */
export async function eventually<T>(probe: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 30_000, describe = 'the condition', unlessFails, intervalMs = 25 } = options;
  const failed = new Promise<never>((_, reject) => {
    unlessFails?.catch((error: unknown) => reject(error instanceof Error ? error : new Error(String(error))));
  });
  // Not unhandled when the wait is over before the failure.
  failed.catch(() => undefined);
  let last: unknown;
  for (const deadline = Date.now() + timeoutMs; ; ) {
    try {
      const value = await Promise.race([answer(probe, deadline), failed.then(undefined, stop)]);
      if (value !== false) return value;
      last = 'it returned false';
    } catch (error) {
      if (error instanceof Stopped) throw error.cause;
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`${describe}: not within ${String(timeoutMs)} ms; last: ${last instanceof Error ? last.message : String(last)}`, { cause: last });
    }
    await Promise.race([sleep(intervalMs), failed]);
  }
}

/** The promise's outcome, or after `limitMs` the error that `late` makes. */
export async function within<T>(limitMs: number, awaited: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const lateness = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), limitMs);
  });
  try {
    return await Promise.race([awaited, lateness]);
  } finally {
    clearTimeout(timer);
  }
}

/** A probe that never answers would outlast every limit. */
async function answer<T>(probe: () => T | Promise<T>, deadline: number): Promise<T> {
  return within(Math.max(0, deadline - Date.now()) + LAST_PROBE_MS, Promise.resolve(probe()), () => new Error('the probe did not answer'));
}

/** Tells the failure of `unlessFails` from one of the probe. */
class Stopped extends Error {}

function stop(error: unknown): never {
  throw new Stopped('stopped', { cause: error });
}

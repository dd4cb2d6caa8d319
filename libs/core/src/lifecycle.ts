/** Source of time, injected so that decisions and loops can be tested. Milliseconds since 1970. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** Resolves after `ms`, or at once (without throwing) when `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Naps that somebody may cut short, because there is something to look at now. */
export class Waker {
  private next = new AbortController();

  wake(): void {
    this.next.abort();
    this.next = new AbortController();
  }

  /** Resolves after `ms`, at the next `wake`, or when one of the signals aborts. */
  nap(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
    return sleep(ms, AbortSignal.any([this.next.signal, ...signals]));
  }
}

/** Exponential back-off with full jitter on the upper half: never below half the step, never above `maxMs`. */
export function backoffMs(failures: number, limits: { readonly minMs: number; readonly maxMs: number }, random: () => number = Math.random): number {
  const step = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(step / 2 + (step / 2) * random());
}

/**
 * One shape for every long-lived thing: `run` works until `stop`; `stop` is idempotent and resolves when the work in
 * hand is finished or rolled back (R12).
 */
export interface Service {
  run(): Promise<void>;
  stop(): Promise<void>;
}

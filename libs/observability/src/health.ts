import { describeError, systemClock, type Clock } from '@elstream/core';
import { redactText } from './redact';

export interface LoopHealth {
  readonly name: string;
  /** Milliseconds since the loop last said that it turns. */
  readonly sinceMs: number;
  readonly allowanceMs: number;
  readonly live: boolean;
}

export interface Liveness {
  readonly live: boolean;
  readonly loops: readonly LoopHealth[];
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** Why not; credentials cut out. */
  readonly error: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly CheckResult[];
}

/** Throws (or takes longer than the time limit) when the thing is not ready. */
export type ReadinessCheck = () => Promise<void>;

/**
 * Health of one process. *Live*: every work loop turns (a loop that waits touches too, at least once per allowance), so
 * a hung process is restarted. *Ready*: every check passes. A database that is down makes a service unready, never dead.
 */
export class HealthRegistry {
  readonly #loops = new Map<string, { allowanceMs: number; touchedAt: number }>();
  readonly #checks = new Map<string, ReadinessCheck>();

  constructor(private readonly options: { readonly clock?: Clock; readonly checkTimeoutMs?: number; readonly defaultAllowanceMs?: number } = {}) {}

  /** Says "this loop turns", registering it at the first call. @param allowanceMs how long it may be silent; default 60 s */
  touch(name: string, allowanceMs?: number): void {
    const loop = this.#loops.get(name);
    const allowance = allowanceMs ?? loop?.allowanceMs ?? this.options.defaultAllowanceMs ?? 60_000;
    this.#loops.set(name, { allowanceMs: allowance, touchedAt: this.#now() });
  }

  /** The loop has ended on purpose and is no longer watched. */
  forget(name: string): void {
    this.#loops.delete(name);
  }

  /** Registers a readiness check; returns the function that takes it away. */
  addCheck(name: string, check: ReadinessCheck): () => void {
    this.#checks.set(name, check);
    return () => {
      if (this.#checks.get(name) === check) this.#checks.delete(name);
    };
  }

  liveness(now: number = this.#now()): Liveness {
    const loops = [...this.#loops].map(([name, { allowanceMs, touchedAt }]) => {
      const sinceMs = now - touchedAt;
      return { name, sinceMs, allowanceMs, live: sinceMs <= allowanceMs };
    });
    return { live: loops.every((loop) => loop.live), loops };
  }

  /** Runs all checks at once; never throws. */
  async readiness(): Promise<Readiness> {
    const checks = await Promise.all([...this.#checks].map(([name, check]) => this.#run(name, check)));
    return { ready: checks.every((check) => check.ok), checks };
  }

  async #run(name: string, check: ReadinessCheck): Promise<CheckResult> {
    const limitMs = this.options.checkTimeoutMs ?? 5_000;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
    });
    try {
      await Promise.race([check(), late]);
      return { name, ok: true, error: null };
    } catch (error) {
      return { name, ok: false, error: redactText(describeError(error)) };
    } finally {
      clearTimeout(timer);
    }
  }

  #now(): number {
    return (this.options.clock ?? systemClock)();
  }
}

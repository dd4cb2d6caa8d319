import type { Clock } from '@elstream/core';

/** A step at which nothing has moved for this long hangs: longer than a statement or lock with a limit takes, milliseconds. */
const HUNG_MS = 600_000;
/** The same of a statement without a limit, since it is as large as a table: the most that any statement may be given, milliseconds. */
const LONG_MS = 86_400_000;

/**
 * Whether a piece of work moves. One that does not for long hangs, and is taken from its process, which is started again:
 * so a statement that takes what a table's size asks for must be known as one, or it would begin anew for ever.
 */
export class Progress {
  private movedAt: number;
  private long = 0;

  constructor(private readonly clock: Clock) {
    this.movedAt = clock();
  }

  get hangs(): boolean {
    return this.clock() - this.movedAt > (this.long > 0 ? LONG_MS : HUNG_MS);
  }

  readonly moved = (): void => {
    this.movedAt = this.clock();
  };

  /** Does a step that may take hours without a word. */
  readonly longStep: LongStep = async (step) => {
    this.moved();
    this.long += 1;
    try {
      return await step();
    } finally {
      this.long -= 1;
      this.moved();
    }
  };
}

/** Does a step that is one statement as large as a table: a truncate, a sweep, a rewrite. */
export type LongStep = <T>(step: () => Promise<T>) => Promise<T>;

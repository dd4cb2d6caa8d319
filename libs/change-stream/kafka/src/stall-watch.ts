/** Long enough for a worker that rebalances; a task that hangs, or cannot even begin, calls itself RUNNING without an end. */
export const STALL_MS = 60_000;

export interface StallLook {
  /** The connector's offset in any text form. */
  readonly delivered: string;
  /** What the counter row at the source holds. */
  readonly raised: bigint;
  /** Milliseconds. */
  readonly at: number;
}

/**
 * A captured counter row that is raised has to move the connector's offset. Told by looks, so that it does not matter which
 * process raises; a look is late rather than wrong: the time counts from the first look that saw the row raised.
 */
export class StallWatch {
  private first: StallLook | null = null;
  private since: number | null = null;

  /** @returns for how many milliseconds at least the row has been raised and nothing was delivered; 0: not known to be so */
  look(now: StallLook): number {
    const { first } = this;
    if (first?.delivered !== now.delivered) {
      this.first = now;
      this.since = null;
    } else if (this.since === null && first.raised !== now.raised) this.since = now.at;
    return this.since === null ? 0 : now.at - this.since;
  }
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { setFailpointHandler } from '@elstream/core';

const current = new AsyncLocalStorage<Actor>();

/** Lets an actor stop at the product's failpoints too: they stand at the model's atomic steps. */
export function stopActorsAtFailpoints(): void {
  setFailpointHandler(async () => {
    await current.getStore()?.gate();
  });
}

/**
 * One concurrent participant: a coroutine that runs from gate to gate when it is stepped. An actor that waits for a
 * lock of the database does not reach its gate; `step` then returns after `patienceMs` and others go on.
 */
export class Actor {
  private running: Promise<void> | null = null;
  private open: (() => void) | null = null;
  private free = false;
  private arrived: (() => void) | null = null;
  /** The first error of its work. */
  failure: unknown = null;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly patienceMs = 15,
  ) {}

  /** Called by the work (and by failpoints): waits for the next step. */
  async gate(): Promise<void> {
    if (this.free) return;
    await new Promise<void>((resolve) => {
      this.open = resolve;
      this.arrived?.();
    });
  }

  /** The gate of the actor whose work is calling; none outside an actor. */
  static async gateOfCurrent(): Promise<void> {
    await current.getStore()?.gate();
  }

  /** Starts the work, or lets it go on to its next gate. */
  async step(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const arrival = new Promise<void>((resolve) => {
      this.arrived = resolve;
      timer = setTimeout(resolve, this.patienceMs);
    });
    if (this.running === null) {
      this.running = current
        .run(this, this.work)
        .catch((error: unknown) => {
          this.failure ??= error;
        })
        .finally(() => {
          this.running = null;
          this.open = null;
          this.arrived?.();
        });
    } else {
      const open = this.open;
      this.open = null;
      open?.();
    }
    await arrival;
    clearTimeout(timer);
    this.arrived = null;
  }

  /** Starts the work without gates; it may be left waiting for a lock that a stopped actor holds. */
  async runFreely(): Promise<void> {
    this.free = true;
    await this.step();
  }

  /** No more gates: what was started runs to its end. */
  async finish(): Promise<void> {
    this.free = true;
    this.open?.();
    this.open = null;
    await this.running;
    this.free = false;
  }
}

import { sleep } from '@elstream/core';
import type { ServicesWorld } from './services-world.fixture';

/** Starts a run as soon as the one before has ended, through whichever gateway answers, until told to stop. Each must succeed, without a difference. */
export class RunKeeper implements AsyncDisposable {
  runs = 0;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #failure: Error | null = null;

  constructor(private readonly world: ServicesWorld) {
    this.#done = this.#keep().catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** Throws when a run went wrong so far. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** The run in hand ends, no other is started. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
    this.check();
  }

  async #keep(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.world.hurry();
      await this.world.runEnds(await this.world.startRun());
      this.runs += 1;
      await sleep(20, this.#stopping.signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }
}

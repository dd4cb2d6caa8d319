import { sleep } from '@elstream/core';
import type { HeldPipeline } from '@elstream/replication';
import type { BoundPipeline } from './pipeline-handle';

/** Short uses (`get`) that began just before are let end: longer than any of them takes while its database is well. */
const SHORT_USE_MS = 10_000;

/** A handle with the count of who holds it; retired ones close when nobody does any more. */
export class Holdable {
  private holds = 0;
  private retired = false;
  private closing: Promise<void> | null = null;
  private readonly now = new AbortController();

  /** @param closed called once its connections are closed, with the error if they did not close well */
  constructor(
    readonly pipeline: BoundPipeline,
    private readonly closed: (error: unknown) => void,
  ) {}

  hold(): HeldPipeline {
    this.holds += 1;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.holds -= 1;
      this.closeIfIdle();
    };
    return { pipeline: this.pipeline, release };
  }

  /** Another handle took its place, or the pipeline is gone. */
  retire(): void {
    this.retired = true;
    this.closeIfIdle();
  }

  /** At once, held or not: the process ends. */
  async close(): Promise<void> {
    this.now.abort();
    await (this.closing ??= this.pipeline.close());
  }

  private closeIfIdle(): void {
    if (!this.retired || this.holds > 0 || this.closing !== null) return;
    this.closing = (async () => {
      await sleep(SHORT_USE_MS, this.now.signal);
      await this.pipeline.close();
    })();
    this.closing.then(() => this.closed(null), this.closed);
  }
}

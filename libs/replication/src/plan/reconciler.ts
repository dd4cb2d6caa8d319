import { isChunk, type PendingTask } from '@elstream/control';
import { ruleHolds } from '@elstream/core';
import type { Job } from '@elstream/jobs';
import type { ReplicationDeps } from '../deps';
import { queueOf } from '../task-worker';

export interface ReconcilerOptions {
  /** Pending tasks of one kind of a run that are in the queue at once at most (R11). */
  readonly limit: number;
  /** A task still pending this long after it was handed out is handed out again, milliseconds. */
  readonly againMs: number;
}

/** Lower runs first. */
const STEP = { priority: 0 };
const CHUNK = { priority: 1 };

/**
 * Hands pending tasks to the queue. The control tables are the truth: a task is handed out again and again as long as it
 * is pending, so a queue that was emptied, lost or changed loses nothing. What already waits there is not added twice.
 */
export class Reconciler {
  private handed = new Map<string, number>();

  constructor(
    private readonly deps: Pick<ReplicationDeps, 'store' | 'queue' | 'registry' | 'clock'>,
    private readonly options: ReconcilerOptions,
  ) {}

  /** @returns the number of pending tasks. Throws what the control tables or the queue throw. */
  async look(): Promise<number> {
    const { store, registry, clock } = this.deps;
    const pending = (await store.pendingTasks(this.options.limit)).filter((task) => registry.has(task.pipeline));
    const now = clock();
    const againMs = ruleHolds('reconciler') ? this.options.againMs : Number.POSITIVE_INFINITY;
    const due = pending.filter((task) => now - (this.handed.get(task.id) ?? Number.NEGATIVE_INFINITY) >= againMs);
    const handed = new Map(pending.map((task) => [task.id, this.handed.get(task.id) ?? now]));
    for (const task of due) handed.set(task.id, now);
    try {
      await this.hand(due);
    } catch (error) {
      this.forget();
      throw error;
    }
    // Only what is pending is remembered: bounded by the limit.
    this.handed = ruleHolds('reconciler') ? handed : new Map([...this.handed, ...handed]);
    return pending.length;
  }

  /** Tasks became free, or the queue may have lost what it had: hand all of them out at the next look. */
  forget(): void {
    if (ruleHolds('reconciler')) this.handed = new Map();
  }

  /** The steps on which a table waits go before the many chunks, of whatever table. */
  private async hand(tasks: readonly PendingTask[]): Promise<void> {
    const jobs = (chunks: boolean): Job[] => tasks.filter((task) => isChunk(task.kind) === chunks).map((task) => ({ queue: queueOf(task.kind), taskId: task.id, pipeline: task.pipeline }));
    for (const [batch, options] of [[jobs(false), STEP], [jobs(true), CHUNK]] as const) {
      if (batch.length > 0) await this.deps.queue.enqueueAll(batch, options);
    }
  }
}

import { backoffMs, describeError, recoveryOf, type Clock, type Logger } from '@elstream/core';
import type { EnqueueOptions, Job, JobHandler, JobWorker, WorkOptions } from '@elstream/jobs';

interface Waiting {
  readonly job: Job;
  /** Not before this time. */
  dueAt: number;
  priority: number;
  /** Tries that ended in a `retry` error so far. */
  failures: number;
  /** Order among equals. */
  readonly seq: number;
}

interface LaneWorker {
  readonly options: WorkOptions;
  readonly handler: JobHandler;
  readonly stop: AbortController;
  readonly inHand: Set<Promise<void>>;
}

/** Longest delay a timer takes; one that fires early only looks again. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * One queue: the jobs that wait, by task, and the workers that take them. A task waits at most once and is worked at
 * most once at a time. The waiting set is looked through in full for each job: it holds the pending tasks of the
 * pipelines of one process, thousands at most, and a job moves a chunk of rows.
 */
export class Lane {
  private readonly waiting = new Map<string, Waiting>();
  private readonly active = new Set<string>();
  private readonly workers = new Set<LaneWorker>();
  /** Jobs begun in the rate window that opened last, by all workers. */
  private window = { openedAt: Number.NEGATIVE_INFINITY, begun: 0 };
  private timer: NodeJS.Timeout | null = null;
  private seq = 0;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  enqueue(job: Job, options: EnqueueOptions): void {
    if (this.waiting.has(job.taskId)) return;
    this.wait({ job, dueAt: this.clock() + (options.delayMs ?? 0), priority: options.priority ?? 0, failures: 0 });
    this.hand();
  }

  work(options: WorkOptions, handler: JobHandler): JobWorker {
    const worker: LaneWorker = { options, handler, stop: new AbortController(), inHand: new Set() };
    this.workers.add(worker);
    this.hand();
    return { healthy: () => this.workers.has(worker), close: () => this.closeWorker(worker) };
  }

  counts(): { readonly waiting: number; readonly active: number } {
    return { waiting: this.waiting.size, active: this.active.size };
  }

  async close(): Promise<void> {
    await Promise.all([...this.workers].map((w) => this.closeWorker(w)));
    this.waiting.clear();
    this.setTimer(null);
  }

  private async closeWorker(worker: LaneWorker): Promise<void> {
    this.workers.delete(worker);
    worker.stop.abort();
    await Promise.all(worker.inHand);
  }

  private wait(entry: Omit<Waiting, 'seq'>): void {
    this.seq += 1;
    this.waiting.set(entry.job.taskId, { ...entry, seq: this.seq });
  }

  /** Hands due jobs to workers with a free place, then sets the timer for the next that becomes due. */
  private hand(): void {
    for (;;) {
      const now = this.clock();
      const idle = [...this.workers].filter((w) => w.inHand.size < w.options.concurrency);
      const worker = idle.find((w) => this.heldUpMs(w, now) === 0);
      if (worker === undefined) return this.setTimer(idle.length === 0 ? null : Math.min(...idle.map((w) => this.heldUpMs(w, now))));
      const free = [...this.waiting.values()].filter((e) => !this.active.has(e.job.taskId));
      const next = first(free.filter((e) => e.dueAt <= now));
      if (next === null) {
        const dueAt = free.reduce((min, e) => Math.min(min, e.dueAt), Number.POSITIVE_INFINITY);
        return this.setTimer(free.length === 0 ? null : dueAt - now);
      }
      this.waiting.delete(next.job.taskId);
      this.active.add(next.job.taskId);
      this.begin(worker, now);
      // Begun only after it counts as in hand: a handler that enqueues comes back here.
      const done = Promise.resolve().then(() => this.try(worker, next)).finally(() => {
        worker.inHand.delete(done);
        this.active.delete(next.job.taskId);
        this.hand();
      });
      worker.inHand.add(done);
    }
  }

  /** Milliseconds until the worker's rate lets it begin another job. */
  private heldUpMs(worker: LaneWorker, now: number): number {
    const { rate } = worker.options;
    if (rate === undefined || this.window.begun < rate.jobs) return 0;
    return Math.max(0, this.window.openedAt + rate.perMs - now);
  }

  private begin(worker: LaneWorker, now: number): void {
    const { rate } = worker.options;
    if (rate === undefined) return;
    if (now >= this.window.openedAt + rate.perMs) this.window = { openedAt: now, begun: 0 };
    this.window.begun += 1;
  }

  /** Never rejects. */
  private async try(worker: LaneWorker, entry: Waiting): Promise<void> {
    const { job } = entry;
    try {
      await worker.handler(job, worker.stop.signal);
    } catch (error) {
      const fields = { queue: job.queue, task: job.taskId, pipeline: job.pipeline, error: describeError(error) };
      const recovery = recoveryOf(error);
      if (recovery !== 'retry') {
        this.logger[recovery === 'lost' ? 'debug' : 'error'](fields, 'job ended');
        return;
      }
      const failures = entry.failures + 1;
      const delayMs = backoffMs(failures, worker.options.backoff);
      // A duplicate enqueued meanwhile is the same job: it must not get around the back-off.
      this.waiting.delete(job.taskId);
      this.wait({ job, dueAt: this.clock() + delayMs, priority: entry.priority, failures });
      this.logger[failures < 5 ? 'info' : 'warn']({ ...fields, failures, delayMs }, 'job failed for now; it comes again');
    }
  }

  private setTimer(ms: number | null): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = ms === null ? null : setTimeout(() => this.hand(), Math.min(Math.max(ms, 0), MAX_TIMER_MS));
  }
}

function first(entries: readonly Waiting[]): Waiting | null {
  return entries.reduce<Waiting | null>((best, e) => (best === null || before(e, best) ? e : best), null);
}

function before(a: Waiting, b: Waiting): boolean {
  return a.priority !== b.priority ? a.priority < b.priority : a.seq < b.seq;
}

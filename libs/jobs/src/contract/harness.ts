import { ElstreamError } from '@elstream/core';
import type { Job, JobQueue, QueueName } from '../job-queue';

/** Makes an empty queue that shares nothing with any other. */
export type MakeQueue = () => Promise<JobQueue>;

/** Gives each test of a group a queue of its own, closed after it. */
export function freshQueue(makeQueue: MakeQueue): () => JobQueue {
  let queue: JobQueue | undefined;
  beforeEach(async () => {
    queue = await makeQueue();
  });
  afterEach(async () => {
    await queue?.close();
  });
  return () => {
    if (queue === undefined) throw new Error('only inside a test');
    return queue;
  };
}

export const job = (taskId: string, queue: QueueName = 'preload'): Job => ({ queue, taskId, pipeline: 'p' });

/** Work options of most tests: back-off short enough to wait for. */
export const quick = (concurrency = 1): { concurrency: number; backoff: { minMs: number; maxMs: number } } => ({ concurrency, backoff: { minMs: 2, maxMs: 10 } });

export const retryError = (): ElstreamError => new ElstreamError('DB_CONNECTION', 'retry', 'the database is away');

/** Polls until `condition` holds; fails after 20 s, naming what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A door handlers wait at until the test opens it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

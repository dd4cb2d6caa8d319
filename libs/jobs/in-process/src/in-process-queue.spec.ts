import { ElstreamError, silentLogger, type Logger } from '@elstream/core';
import { jobQueueContract, type Job } from '@elstream/jobs';
import { createInProcessQueue } from './index';

jobQueueContract('the in-process queue', async () => createInProcessQueue({ logger: silentLogger }));

const job = (taskId: string): Job => ({ queue: 'stream', taskId, pipeline: 'p' });

describe('the in-process queue', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('doubles the back-off from try to try up to the limit, without limit of tries', async () => {
    const queue = createInProcessQueue({ logger: silentLogger });
    const at: number[] = [];
    queue.work('stream', { concurrency: 1, backoff: { minMs: 1_000, maxMs: 60_000 } }, async () => {
      at.push(Date.now());
      throw new ElstreamError('X', 'retry', 'away');
    });
    await queue.enqueue(job('t'));
    await jest.advanceTimersByTimeAsync(3_600_000);
    const gaps = at.slice(1).map((time, i) => time - at[i]!);
    expect(gaps.length).toBeGreaterThan(55);
    gaps.forEach((gap, i) => {
      const step = Math.min(60_000, 1_000 * 2 ** i);
      expect(gap).toBeGreaterThanOrEqual(step / 2);
      expect(gap).toBeLessThanOrEqual(step + 1);
    });
    await queue.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps its period from start to start and leaves no timer when closed', async () => {
    const queue = createInProcessQueue({ logger: silentLogger });
    const start = Date.now();
    const at: number[] = [];
    queue.repeat('r', 1_000, async () => {
      at.push(Date.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await queue.enqueue(job('far'), { delayMs: 2 ** 40 });
    queue.work('stream', { concurrency: 1, backoff: { minMs: 1, maxMs: 1 } }, async () => undefined);
    await jest.advanceTimersByTimeAsync(3_500);
    expect(at).toEqual([0, 1_000, 2_000, 3_000]);
    await queue.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('stays within its concurrency when a handler enqueues more', async () => {
    const queue = createInProcessQueue({ logger: silentLogger });
    let now = 0;
    let most = 0;
    let done = 0;
    queue.work('stream', { concurrency: 2, backoff: { minMs: 1, maxMs: 1 } }, async (j) => {
      most = Math.max(most, (now += 1));
      if (j.taskId.length < 6) for (const c of ['a', 'b']) await queue.enqueue(job(j.taskId + c));
      now -= 1;
      done += 1;
    });
    await queue.enqueue(job('t'));
    await jest.advanceTimersByTimeAsync(10);
    expect({ most, done }).toEqual({ most: 2, done: 63 });
    await queue.close();
  });

  it('refuses work after it was closed, saying that the task is in good hands', async () => {
    const queue = createInProcessQueue({ logger: silentLogger });
    await queue.close();
    await expect(queue.enqueue(job('t'))).rejects.toMatchObject({ code: 'QUEUE_CLOSED', recovery: 'lost' });
    expect(() => queue.repeat('r', 1, async () => undefined)).toThrow('closed');
  });

  it('logs how a job ended: loudly if nobody expected it, quietly if another process has it', async () => {
    const lines: string[] = [];
    const log = (level: string) => (fields: Readonly<Record<string, unknown>>) => void lines.push(`${level} ${String(fields['task'])}`);
    const logger: Logger = { child: () => logger, debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
    const queue = createInProcessQueue({ logger });
    const errors: Record<string, Error> = { lost: new ElstreamError('A', 'lost', 'a'), bug: new TypeError('b'), away: new ElstreamError('C', 'retry', 'c') };
    queue.work('stream', { concurrency: 1, backoff: { minMs: 1_000_000, maxMs: 1_000_000 } }, async (j) => {
      throw errors[j.taskId]!;
    });
    for (const taskId of Object.keys(errors)) await queue.enqueue(job(taskId));
    await jest.advanceTimersByTimeAsync(10);
    expect(lines).toEqual(['debug lost', 'error bug', 'info away']);
    await queue.close();
  });
});

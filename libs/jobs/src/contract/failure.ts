import { ElstreamError } from '@elstream/core';
import { isEmpty } from './delivery';
import { aborted, freshQueue, gate, job, quick, retryError, until, type MakeQueue } from './harness';

const LONG = { concurrency: 1, backoff: { minMs: 600_000, maxMs: 600_000 } };

export function failureContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('delivers a job again after a retry error, each time later up to the limit', async () => {
    const at: number[] = [];
    queue().work('preload', { concurrency: 1, backoff: { minMs: 20, maxMs: 80 } }, async () => {
      at.push(Date.now());
      if (at.length < 6) throw retryError();
    });
    await queue().enqueue(job('t'));
    await until('the sixth try', () => at.length === 6);
    const gaps = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    // Half of 20, 40, 80, 80, 80: the jitter never goes below; two milliseconds for the clock's rounding.
    [10, 20, 40, 40, 40].forEach((least, i) => expect(gaps[i]).toBeGreaterThanOrEqual(least - 2));
    await until('the queue is empty', async () => isEmpty(await queue().counts()));
  });

  it('lets other jobs through while one waits for its next try, and a duplicate does not get around the wait', async () => {
    const seen: string[] = [];
    queue().work('preload', LONG, async (j) => {
      seen.push(j.taskId);
      if (j.taskId === 't') throw retryError();
    });
    await queue().enqueue(job('t'));
    await until('the first try', () => seen.length === 1);
    await until('it waits', async () => (await queue().counts()).preload.waiting === 1);
    await queue().enqueue(job('t'));
    await queue().enqueue(job('other'), { priority: 9 });
    await until('the other worked', () => seen.includes('other'));
    expect(seen).toEqual(['t', 'other']);
  });

  it.each([
    ['a stop error', new ElstreamError('KEY_MISSING', 'stop', 'no key')],
    ['a lost claim', new ElstreamError('CLAIM_LOST', 'lost', 'another has it')],
    ['a refusal', new ElstreamError('RUN_ACTIVE', 'refuse', 'no')],
    ['an error nobody classified', new TypeError('x is not a function')],
  ])('ends a job at %s, goes on with the next, and takes the task again when enqueued again', async (_, error) => {
    const seen: string[] = [];
    queue().work('preload', quick(), async (j) => {
      seen.push(j.taskId);
      if (j.taskId === 't') throw error;
    });
    await queue().enqueue(job('t'));
    await queue().enqueue(job('next'));
    await until('the next worked', () => seen.includes('next'));
    await until('the queue is empty', async () => isEmpty(await queue().counts()));
    expect(seen).toEqual(['t', 'next']);
    await queue().enqueue(job('t'));
    await until('delivered again', () => seen.length === 3);
  });
}

export function closingContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('closing a worker aborts the signal of the job in hand, waits for it and takes no more', async () => {
    const steps: string[] = [];
    const door = gate();
    await queue().enqueue(job('in hand'));
    await queue().enqueue(job('left'), { priority: 9 });
    const worker = queue().work('preload', quick(), async (j, signal) => {
      steps.push(`took ${j.taskId}`);
      await aborted(signal);
      steps.push('aborted');
      await door.opened;
      steps.push('finished');
    });
    await until('a job in hand', () => steps.length === 1);
    const closed = worker.close().then(() => steps.push('closed'));
    await until('the signal aborted', () => steps.length === 2);
    door.open();
    await closed;
    expect(steps).toEqual(['took in hand', 'aborted', 'finished', 'closed']);
    queue().work('preload', quick(), async (j) => {
      steps.push(`second took ${j.taskId}`);
    });
    await until('the next worker took what was left', () => steps.includes('second took left'));
    expect(steps).toHaveLength(5);
  });

  it('gives a job that was given up for the closing of its worker to the next', async () => {
    let given = false;
    await queue().enqueue(job('t'));
    const worker = queue().work('preload', quick(), async (_, signal) => {
      given = true;
      await aborted(signal);
      throw retryError();
    });
    await until('in hand', () => given);
    await worker.close();
    let again = false;
    queue().work('preload', quick(), async () => {
      again = true;
    });
    await until('delivered again', () => again);
  });

  it('closing the queue closes workers and repeats and forgets what waits', async () => {
    const steps: string[] = [];
    await queue().enqueue(job('in hand'));
    await queue().enqueue(job('waits'), { priority: 9 });
    await queue().enqueue(job('delayed'), { delayMs: 600_000 });
    queue().work('preload', quick(), async (j, signal) => {
      steps.push(`took ${j.taskId}`);
      await aborted(signal);
      steps.push('job ended');
    });
    queue().repeat('r', 600_000, async (signal) => {
      steps.push('tick');
      await aborted(signal);
      steps.push('tick ended');
    });
    await until('both at work', () => steps.length === 2);
    await queue().close();
    await queue().close();
    expect(steps.sort()).toEqual(['job ended', 'tick', 'tick ended', 'took in hand']);
  });
}

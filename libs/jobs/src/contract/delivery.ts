import type { QueueName } from '../job-queue';
import { freshQueue, gate, job, quick, until, type MakeQueue } from './harness';

export function deliveryContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('delivers each job of a queue, enqueued before or after the worker came, and of that queue only', async () => {
    const seen: string[] = [];
    await queue().enqueue(job('early'));
    await queue().enqueue(job('other', 'validate'));
    queue().work('preload', quick(), async (j) => {
      seen.push(`${j.queue} ${j.pipeline} ${j.taskId}`);
    });
    await queue().enqueue(job('late'));
    await until('both jobs worked', () => seen.length === 2);
    expect(seen.sort()).toEqual(['preload p early', 'preload p late']);
    expect((await queue().counts()).validate).toEqual({ waiting: 1, active: 0 });
  });

  it('works as many jobs at once as allowed and no more, and counts what waits and what is worked', async () => {
    const door = gate();
    let now = 0;
    let most = 0;
    for (let i = 0; i < 7; i += 1) await queue().enqueue(job(`t${String(i)}`));
    let done = 0;
    queue().work('preload', quick(3), async () => {
      most = Math.max(most, (now += 1));
      await door.opened;
      now -= 1;
      done += 1;
    });
    await until('three at work', () => now === 3);
    expect((await queue().counts()).preload).toEqual({ waiting: 4, active: 3 });
    door.open();
    await until('all worked', () => done === 7);
    expect(most).toBe(3);
    await until('the queue is empty', async () => isEmpty(await queue().counts()));
  });

  it('keeps a task that waits once, however often it is enqueued', async () => {
    const seen: string[] = [];
    for (let i = 0; i < 3; i += 1) await queue().enqueue(job('t'));
    await queue().enqueue(job('last'), { priority: 9 });
    expect((await queue().counts()).preload.waiting).toBe(2);
    queue().work('preload', quick(), async (j) => {
      seen.push(j.taskId);
    });
    await until('the last worked', () => seen.includes('last'));
    expect(seen).toEqual(['t', 'last']);
  });

  it('never works a task twice at the same time, also when it is enqueued while it is worked', async () => {
    const door = gate();
    let now = 0;
    let most = 0;
    let finished = 0;
    queue().work('preload', quick(4), async (j) => {
      if (j.taskId !== 't') return void (finished += 1);
      most = Math.max(most, (now += 1));
      await door.opened;
      now -= 1;
    });
    await queue().enqueue(job('t'));
    await until('t at work', () => now === 1);
    await queue().enqueue(job('t'));
    await queue().enqueue(job('other'));
    await until('another worked meanwhile', () => finished === 1);
    door.open();
    await until('the queue is empty', async () => isEmpty(await queue().counts()));
    expect(most).toBe(1);
  });
}

export function orderContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('delivers a task again that is enqueued again after it was worked', async () => {
    let seen = 0;
    queue().work('preload', quick(), async () => {
      seen += 1;
    });
    for (let i = 1; i <= 3; i += 1) {
      await queue().enqueue(job('t'));
      await until(`delivery ${String(i)}`, () => seen === i);
      await until('the queue is empty', async () => isEmpty(await queue().counts()));
    }
  });

  it('takes many jobs of several queues at once, each task that does not wait yet', async () => {
    const seen: string[] = [];
    await queue().enqueueAll([]);
    await queue().enqueue(job('0'));
    const many = Array.from({ length: 50 }, (_, i) => job(String(i)));
    for (let i = 0; i < 3; i += 1) await queue().enqueueAll([...many, job('other', 'validate'), job('with:colon', 'stream')]);
    expect(await queue().counts()).toEqual({ preload: { waiting: 50, active: 0 }, stream: { waiting: 1, active: 0 }, validate: { waiting: 1, active: 0 } });
    for (const name of ['preload', 'stream', 'validate'] as const) {
      queue().work(name, quick(4), async (j) => {
        seen.push(j.taskId);
      });
    }
    await until('the queue is empty', async () => isEmpty(await queue().counts()));
    expect(seen.sort()).toEqual([...many.map((j) => j.taskId), 'other', 'with:colon'].sort());
  });

  it('hands out lower priorities first and equal ones in their order', async () => {
    const seen: string[] = [];
    for (const [taskId, priority] of [['e', 5], ['a', undefined], ['c', 1], ['d', 1], ['b', 0]] as const) {
      await queue().enqueue(job(taskId), priority === undefined ? {} : { priority });
    }
    queue().work('preload', quick(), async (j) => {
      seen.push(j.taskId);
    });
    await until('all worked', () => seen.length === 5);
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('delivers a delayed job not before its time, and others meanwhile', async () => {
    const seen: string[] = [];
    const start = Date.now();
    let after = 0;
    await queue().enqueue(job('delayed'), { delayMs: 100 });
    await queue().enqueue(job('now'));
    queue().work('preload', quick(), async (j) => {
      seen.push(j.taskId);
      if (j.taskId === 'delayed') after = Date.now() - start;
    });
    await until('both worked', () => seen.length === 2);
    expect(seen).toEqual(['now', 'delayed']);
    expect(after).toBeGreaterThanOrEqual(98);
  });
}

/** Nothing waits and nothing is worked. */
export function isEmpty(counts: Readonly<Record<QueueName, { readonly waiting: number; readonly active: number }>>): boolean {
  return Object.values(counts).every((c) => c.waiting === 0 && c.active === 0);
}

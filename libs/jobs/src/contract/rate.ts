import { freshQueue, job, quick, until, type MakeQueue } from './harness';

export function rateContract(makeQueue: MakeQueue): void {
  const queue = freshQueue(makeQueue);

  it('begins no more jobs per time than allowed, over all workers together', async () => {
    const at: number[] = [];
    await queue().enqueueAll(Array.from({ length: 9 }, (_, i) => job(`t${String(i)}`)));
    const start = Date.now();
    for (let i = 0; i < 2; i += 1) {
      queue().work('preload', { ...quick(4), rate: { jobs: 3, perMs: 150 } }, async () => {
        at.push(Date.now());
      });
    }
    await until('all worked', () => at.length === 9);
    // The first window opens after `start`; two milliseconds for the clocks' rounding.
    expect((at[3] ?? 0) - start).toBeGreaterThanOrEqual(148);
    expect((at[6] ?? 0) - start).toBeGreaterThanOrEqual(298);
  });

  it('delays no job of a queue that begins fewer', async () => {
    let done = 0;
    queue().work('preload', { ...quick(), rate: { jobs: 3, perMs: 600_000 } }, async () => {
      done += 1;
    });
    for (const taskId of ['a', 'b', 'c']) await queue().enqueue(job(taskId));
    await until('all worked', () => done === 3);
  });
}

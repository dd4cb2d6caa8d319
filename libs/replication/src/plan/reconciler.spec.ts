import type { PendingTask, TaskKind } from '@elstream/control';
import { ElstreamError } from '@elstream/core';
import type { Job } from '@elstream/jobs';
import type { ReplicationDeps } from '../deps';
import { Reconciler } from './reconciler';

const task = (id: string, kind: TaskKind = 'preload-chunk', pipeline = 'p'): PendingTask => ({ id, kind, pipeline, runId: 'r' });

/** Control tables and a queue that keeps what it is given until it is emptied. */
function world(tasks: readonly PendingTask[]) {
  const state = { now: 0, away: false, sent: 0, limits: [] as number[] };
  const pending = new Map(tasks.map((t) => [t.id, t]));
  const queue = new Map<string, Job & { readonly priority: number }>();
  const deps = {
    clock: () => state.now,
    registry: { has: (name: string) => name !== 'elsewhere' },
    store: { pendingTasks: async (limit: number) => (state.limits.push(limit), [...pending.values()].slice(0, limit)) },
    queue: {
      enqueueAll: async (jobs: readonly Job[], { priority = 0 } = {}) => {
        if (state.away) throw new ElstreamError('QUEUE_AWAY', 'retry', 'away');
        state.sent += jobs.length;
        for (const job of jobs) queue.set(job.taskId, { ...job, priority });
      },
    },
  } as unknown as ReplicationDeps;
  const reconciler = new Reconciler(deps, { limit: 100, againMs: 2_000 });
  /** A worker takes what comes next and does it. */
  const work = (): void => {
    const [next] = [...queue.values()].sort((a, b) => a.priority - b.priority);
    if (next === undefined) return;
    queue.delete(next.taskId);
    pending.delete(next.taskId);
  };
  return { state, pending, queue, reconciler, work };
}

describe('what hands pending tasks to the queue', () => {
  it('loses nothing when the queue is emptied in the middle of the work', async () => {
    const { state, pending, queue, reconciler, work } = world(Array.from({ length: 40 }, (_, i) => task(`t${String(i)}`)));
    for (let look = 0; look < 100 && pending.size > 0; look += 1, state.now += 400) {
      await reconciler.look();
      if (look === 3 || look === 9) queue.clear();
      work();
    }
    expect(pending.size).toBe(0);
  });

  it('hands a waiting task out again after a while, not at every look, and what is new at once', async () => {
    const { state, pending, queue, reconciler } = world([task('a'), task('b')]);
    for (; state.now < 2_000; state.now += 400) expect(await reconciler.look()).toBe(2);
    expect(state.sent).toBe(2);
    pending.set('c', task('c'));
    await reconciler.look();
    expect(state.sent).toBe(5);
    expect([...queue.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('hands all out at the next look after the queue was away, and after tasks became free', async () => {
    const { state, queue, reconciler } = world([task('a'), task('b')]);
    await reconciler.look();
    queue.clear();
    state.away = true;
    state.now = 2_000;
    await expect(reconciler.look()).rejects.toMatchObject({ code: 'QUEUE_AWAY' });
    [state.away, state.now] = [false, 2_001];
    await reconciler.look();
    expect(queue.size).toBe(2);
    queue.clear();
    reconciler.forget();
    await reconciler.look();
    expect(queue.size).toBe(2);
  });

  it('gives the steps on which a table waits before chunks, each to the queue of its service', async () => {
    const { queue, reconciler } = world([task('1', 'preload-chunk'), task('2', 'finish-table'), task('3', 'validate-chunk'), task('4', 'plan-validation'), task('5', 'open-table'), task('6', 'prepare')]);
    await reconciler.look();
    expect(Object.fromEntries([...queue.values()].map((j) => [j.taskId, `${j.queue} ${String(j.priority)}`]))).toEqual({
      '1': 'preload 1',
      '2': 'preload 0',
      '3': 'validate 1',
      '4': 'validate 0',
      '5': 'preload 0',
      '6': 'preload 0',
    });
  });

  it('asks for a bounded number, and passes over pipelines this process does not know', async () => {
    const { state, queue, reconciler } = world([task('a', 'preload-chunk', 'elsewhere'), task('b')]);
    expect(await reconciler.look()).toBe(1);
    expect([...queue.keys()]).toEqual(['b']);
    expect(state.limits).toEqual([100]);
  });
});

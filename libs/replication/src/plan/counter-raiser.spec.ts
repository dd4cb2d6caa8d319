import { silentLogger, sleep } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { CounterRaiser } from './counter-raiser';

function world({ gapless = true, prepared = true, down = false } = {}) {
  const state = { now: 0, raised: 0, down };
  const stream = {
    gapless,
    raiseCounter: () => {
      if (state.down) return Promise.reject(new Error('the source is down'));
      state.raised += 1;
      return Promise.resolve();
    },
  };
  const pipeline = { name: 'p', settings: { counterIntervalMs: 1_000 }, stream: () => Promise.resolve(stream), warehouse: { readCheckpoints: () => Promise.resolve(prepared ? [{}] : []) } } as unknown as PipelineHandle;
  const raiser = new CounterRaiser({ clock: () => state.now, logger: silentLogger, store: {} } as unknown as ReplicationDeps);
  const look = async (at: number, gapReason: string | null = null): Promise<number> => {
    state.now = at;
    raiser.look(pipeline, { gapReason });
    await sleep(1);
    return state.raised;
  };
  return { state, look };
}

describe('the counter of a source', () => {
  it('is raised once per interval, read or not', async () => {
    const { look } = world();
    expect([await look(0), await look(999), await look(1_000), await look(1_500), await look(2_000)]).toEqual([1, 1, 2, 2, 3]);
  });

  it.each([
    ['numbers may be left out', { gapless: false }, null],
    ['nothing was prepared', { prepared: false }, null],
    ['a log gap waits for its run', {}, 'slot gone'],
  ])('is not raised where %s', async (_name, how, gap) => {
    const { look } = world(how);
    expect(await look(0, gap)).toBe(0);
  });

  it('is raised again once the source is back', async () => {
    const { state, look } = world({ down: true });
    expect(await look(0)).toBe(0);
    state.down = false;
    expect(await look(1_000)).toBe(1);
  });
});

import type { ControlStore } from '@elstream/control';
import { silentLogger } from '@elstream/core';
import { capturingLogger } from '@elstream/testing';
import { Leadership } from './leadership';

const LEASE_MS = 9_000;

/** The lease row as the server keeps it, by its clock; `answers` false: nothing gets through. */
function world() {
  const state = { now: 0, holder: null as string | null, until: 0, answers: true, asked: 0 };
  const store: Pick<ControlStore, 'lead' | 'resign'> = {
    lead: async (_role, holder, forMs, { steal = false } = {}) => {
      state.asked += 1;
      if (!state.answers) throw new Error('away');
      if (!steal && state.holder !== null && state.holder !== holder && state.now < state.until) return false;
      [state.holder, state.until] = [holder, state.now + forMs];
      return true;
    },
    resign: async (_role, holder) => {
      if (state.holder === holder) state.holder = null;
    },
  };
  const candidate = (holder: string, steal = false, logger = silentLogger) => new Leadership({ store, role: 'planner', holder, leaseMs: LEASE_MS, steal, clock: () => state.now, logger });
  return { state, candidate };
}

describe('leading', () => {
  it('is renewed every third of the lease, no more often', async () => {
    const { state, candidate } = world();
    const a = candidate('a');
    for (; state.now <= 3 * LEASE_MS; state.now += 100) expect(await a.keep()).toBe(true);
    expect(state.asked).toBe(10);
  });

  it('ends by our own clock while nothing answers, and not before the lease does; then begins again', async () => {
    const { state, candidate } = world();
    const logger = capturingLogger();
    const a = candidate('a', false, logger);
    await a.keep();
    state.answers = false;
    state.now = LEASE_MS - 1;
    expect(await a.keep()).toBe(true);
    state.now = LEASE_MS;
    expect(a.leads).toBe(false);
    expect(await a.keep()).toBe(false);
    [state.answers, state.now] = [true, LEASE_MS + 3_000];
    expect(await a.keep()).toBe(true);
    expect(logger.text().match(/leads( no more)?/g)).toEqual(['leads', 'leads no more', 'leads']);
  });

  it('is over for a process that stood still, at its first look, though it believed in it when it stopped', async () => {
    const { state, candidate } = world();
    const [a, b] = [candidate('a'), candidate('b')];
    await a.keep();
    expect(await b.keep()).toBe(false);
    state.now = LEASE_MS + 1;
    expect(await b.keep()).toBe(true);
    expect(a.leads).toBe(false);
    expect(await a.keep()).toBe(false);
  });

  it('passes on at once when resigned, and is stolen by one who knows that no other lives, once', async () => {
    const { state, candidate } = world();
    const [a, b, c] = [candidate('a'), candidate('b'), candidate('c', true)];
    await a.keep();
    await b.keep();
    await a.resign();
    expect(a.leads).toBe(false);
    state.now += 1_000;
    expect(await b.keep()).toBe(true);
    expect(await c.keep()).toBe(true);
    state.now += LEASE_MS / 3;
    expect(await b.keep()).toBe(false);
    await b.resign();
    expect(await c.keep()).toBe(true);
    state.holder = 'd';
    state.now += LEASE_MS / 3;
    expect(await c.keep()).toBe(false);
  });
});

import type { FailpointName } from '@elstream/core';
import { SeededRandom } from '@elstream/testing';
import { FAILPOINTS } from './child-settings';
import { CrashWorld } from './crash-world';

/** Two deaths at each: in the order in which a preload passes them, batches in between. */
const ROUND: readonly FailpointName[] = [
  'preload:epoch-raised',
  'batch:taken',
  'preload:start-position-read',
  'batch:staged',
  'preload:transactions-listed',
  'chunk:read-before-write',
  'batch:after-rows-before-checkpoint',
  'chunk:staged',
  'chunk:before-commit',
  'batch:before-commit',
  'chunk:after-commit-before-report',
  'batch:after-commit-before-acknowledge',
  'preload:before-finish',
  'preload:after-finish',
];

describe('processes that die or stop anywhere', () => {
  it('lose and double nothing: killed at least twice inside every failpoint, stopped inside batch and chunk, while a writer changes everything', async () => {
    const random = new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? 'crash');
    await using world = await CrashWorld.open({ random });
    for (const failpoint of ROUND) await world.killAt(failpoint, failpoint.startsWith('preload:') ? 1 : random.int(1, 3));
    await world.stopAt('batch:before-commit', ['chunk:staged', 'batch:taken']);
    await world.stopAt('chunk:before-commit', ['batch:staged', 'chunk:staged']);
    for (const failpoint of ROUND) if ((world.kills.get(failpoint) ?? 0) < 2) await world.killAt(failpoint, 1);

    const verdict = await world.settle();
    expect(verdict.eventsApplied).toBe(verdict.eventsInLog);
    expect(verdict.eventsInLog).toBeGreaterThan(verdict.transactions);
    expect([...world.kills].filter(([, n]) => n >= 2).map(([name]) => name).sort()).toEqual([...FAILPOINTS].sort());
    expect([...world.kills.values()].reduce((a, b) => a + b)).toBeGreaterThanOrEqual(2 * FAILPOINTS.length);
    expect([...world.stops.keys()]).toEqual(['batch:before-commit', 'chunk:before-commit']);
  }, 600_000);
});

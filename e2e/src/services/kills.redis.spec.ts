import { killAtWork, stopAtWork, type Victim } from './faults.fixture';
import { RunKeeper } from './run-keeper.fixture';
import { ServicesWorld } from './services-world.fixture';

const FAULTS: readonly (readonly [fault: 'SIGKILL' | 'SIGSTOP', victim: Victim])[] = [
  ['SIGKILL', 'copying preloader'],
  ['SIGSTOP', 'active streamer'],
  ['SIGKILL', 'leading gateway'],
  ['SIGSTOP', 'copying preloader'],
  ['SIGKILL', 'validator'],
  ['SIGKILL', 'active streamer'],
  ['SIGSTOP', 'leading gateway'],
  ['SIGKILL', 'other gateway'],
  ['SIGSTOP', 'validator'],
  ['SIGKILL', 'preloader'],
  ['SIGSTOP', 'other gateway'],
  ['SIGKILL', 'active streamer'],
  ['SIGKILL', 'leading gateway'],
];

describe('services that are killed or stop for a while in the middle of their work', () => {
  it('lose and double nothing: the others take over, runs go on, and both sides are equal in the end', async () => {
    await using world = await ServicesWorld.open({ seed: 'services kills', leaseMs: 3_000 });
    const met: string[] = [];
    await using keeper = new RunKeeper(world);
    for (const [fault, victim] of FAULTS) {
      const work = await (fault === 'SIGKILL' ? killAtWork : stopAtWork)(world, victim);
      met.push(`${fault}: ${work}`);
      keeper.check();
    }
    await keeper.stop();
    const { eventsApplied, eventsInLog, transactions } = await world.settle();
    expect(eventsApplied).toBe(eventsInLog);
    expect(eventsInLog).toBeGreaterThan(transactions / 2);
    expect(met).toHaveLength(13);
    expect(keeper.runs).toBeGreaterThan(2);
  }, 600_000);
});

import type { Replica, ServiceName } from './fleet.fixture';
import { RunKeeper } from './run-keeper.fixture';
import { ServicesWorld } from './services-world.fixture';

const ROUNDS = 5;
/** R12. */
const WITHIN_MS = 10_000;

describe('services told to stop under full load', () => {
  it('exit 0 within 10 seconds each time, and nothing is lost', async () => {
    await using world = await ServicesWorld.open({ seed: 'services stopping', leaseMs: 3_000 });
    await using keeper = new RunKeeper(world);
    const ends = await Promise.all((['gateway', 'preloader', 'streamer', 'validator'] as const).map((service) => stopAgainAndAgain(world, service)));
    await keeper.stop();
    expect(ends.flat()).toHaveLength(20);
    for (const end of ends.flat()) expect(end).toMatchObject({ code: 0, signal: null });
    expect(ends.flat().filter((end) => end.ms >= WITHIN_MS)).toEqual([]);
    await world.settle();
  }, 600_000);
});

async function stopAgainAndAgain(world: ServicesWorld, service: ServiceName): Promise<{ readonly name: string; readonly code: number | null; readonly signal: string | null; readonly ms: number }[]> {
  const ends = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const replica = await atWork(world, service);
    const { code, signal, ms } = await replica.stop();
    ends.push({ name: replica.name, code, signal, ms });
    replica.start();
    await replica.ready({ unlessFails: world.fleet.failed });
  }
  return ends;
}

/** A worker with a claimed task, the streamer that applies, the gateway that leads. */
async function atWork(world: ServicesWorld, service: ServiceName): Promise<Replica> {
  world.hurry();
  if (service === 'streamer') return world.activeStreamer();
  return world.until(`a ${service} at work`, async () => {
    if (service === 'gateway') return (await world.leader()) ?? false;
    for (const replica of world.fleet.of(service)) if ((await world.held(replica)).length > 0) return replica;
    return false;
  }, { intervalMs: 10 });
}

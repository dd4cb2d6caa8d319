import { ServicesWorld } from './services-world.fixture';

const LEASE_MS = 3_000;

/** Waits until a run is in the middle of its preload: some chunks done, others waiting. */
async function midPreload(world: ServicesWorld): Promise<string> {
  world.hurry();
  const run = await world.startRun();
  await world.until('a preload at work', async () => (await world.tasks('done', 'preload-chunk')) > 0 && (await world.tasks('pending', 'preload-chunk')) > 5, { intervalMs: 5 });
  return run;
}

describe('services whose Redis fails', () => {
  let world: ServicesWorld;

  beforeAll(async () => {
    world = await ServicesWorld.create({ seed: 'services redis', leaseMs: LEASE_MS });
  }, 120_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, 60_000);

  it('wait for it at their start, alive and not ready, and go on by themselves when it comes', async () => {
    const { fleet, redis } = world;
    await redis.kill();
    fleet.startAll();
    for (const replica of fleet.replicas) {
      await world.until(`${replica.name} being alive and not ready`, async () => {
        expect((await replica.get('/health/live')).status).toBe(200);
        const { status, body } = await replica.get('/health/ready');
        expect(status).toBe(503);
        expect(body).toMatch(/redis/i);
      });
    }
    await redis.restart();
    await fleet.ready();
    expect(fleet.replicas.map((replica) => replica.lives)).toEqual(fleet.replicas.map(() => 1));
    await world.begin();
  }, 180_000);

  it('go on streaming while it is gone, and finish the run on an empty one', async () => {
    const run = await midPreload(world);
    await world.redis.kill();
    await world.streamGoesOn();
    await world.until('the services saying that they are not ready', async () => {
      for (const replica of world.fleet.replicas) expect((await replica.get('/health/ready')).status).toBe(503);
    });
    for (const replica of world.fleet.replicas) expect((await replica.get('/health/live')).status).toBe(200);
    await world.streamGoesOn();
    await world.redis.restart();
    await world.runEnds(run);
    await world.fleet.ready();
  }, 180_000);

  it('lose no task when all its keys are deleted in the middle of a preload', async () => {
    const run = await midPreload(world);
    await world.redis.flushAll();
    await world.runEnds(run);
  }, 180_000);

  it('bear one that stands still for longer than the lease', async () => {
    const run = await midPreload(world);
    world.redis.suspend();
    const until = Date.now() + 2 * LEASE_MS;
    while (Date.now() < until) await world.streamGoesOn();
    world.redis.resume();
    await world.runEnds(run);
    await world.fleet.ready();
  }, 180_000);

  it('have lost and doubled nothing in all this', async () => {
    const { eventsApplied, eventsInLog } = await world.settle();
    expect(eventsApplied).toBe(eventsInLog);
  }, 180_000);
});

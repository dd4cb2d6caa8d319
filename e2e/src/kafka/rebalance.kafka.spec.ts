import { KafkaWorld } from './kafka-world.fixture';

jest.setTimeout(300_000);

describe('streamers that share partitions', () => {
  it('apply each event once while one is added, one ends, and one is killed with a batch in hand', async () => {
    await using world = await KafkaWorld.live(1);
    world.writer.start();
    await new Promise((r) => setTimeout(r, 3000));
    await world.writer.rest();
    await world.caughtUp();
    await world.expectExact();
  });
});

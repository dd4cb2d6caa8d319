import { eventually } from '@elstream/testing';
import { KafkaWorld } from './kafka-world';

jest.setTimeout(600_000);

describe('streamers that share partitions', () => {
  it('apply each event once while one is added, one is killed inside its transaction, and one ends', async () => {
    await using world = await KafkaWorld.live(2);
    const [first, second] = world.processes;
    world.writer.start();
    const third = world.streamer();
    await third.reads();
    await second?.ambush('batch:before-commit', 'SIGKILL');
    await second?.struck('batch:before-commit');
    await first?.stop();
    const before = await world.eventsSince();
    await eventually(async () => (await world.eventsSince()).doc > before.doc, { describe: 'the last one going on alone', timeoutMs: 60_000 });
    await world.writer.rest();
    await world.caughtUp();
    await world.expectExact();
  });
});

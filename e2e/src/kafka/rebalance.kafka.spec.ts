import { eventually } from '@elstream/testing';
import { KafkaWorld } from './kafka-world';

jest.setTimeout(600_000);

describe('streamers that share partitions', () => {
  it('apply each event once while one joins with a batch in the hands of another, is stopped inside its transaction, and one is killed inside its own', async () => {
    await using world = await KafkaWorld.live(2);
    const [first, second] = world.processes;
    if (first === undefined || second === undefined) throw new Error('no streamers');
    world.writer.start();

    // Nobody else joins or leaves meanwhile: it is for the third one that the batch in hand has to give way.
    await first.ambush('batch:staged', 'hold');
    await first.struck('batch:staged');
    expect(first.gaveWay).toBe(false);
    const third = world.streamer();
    await third.reads();
    await eventually(() => first.gaveWay, { describe: 'the batch in hand giving way to the one that joins' });

    await third.ambush('batch:before-commit', 'hold');
    await third.struck('batch:before-commit');
    expect(third.gaveWay).toBe(false);
    await third.stop();
    expect(third.gaveWay).toBe(true);

    await second.ambush('batch:before-commit', 'SIGKILL');
    await second.struck('batch:before-commit');
    const before = await world.eventsSince();
    await eventually(async () => (await world.eventsSince()).doc > before.doc, { describe: 'the last one going on alone', timeoutMs: 60_000 });
    await world.writer.rest();
    await world.caughtUp();
    await world.expectExact();
  });
});

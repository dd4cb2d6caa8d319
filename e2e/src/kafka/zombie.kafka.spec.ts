import { eventually } from '@elstream/testing';
import { KafkaWorld } from './kafka-world';

jest.setTimeout(600_000);

/** What a streamer says that finds its batch applied by another (R2). */
const MOVED = 'checkpoint was moved by another process';

describe('streamers that share partitions', () => {
  it('apply each event once when one stands still beyond its session with a batch in hand, and goes on as a zombie', async () => {
    await using world = await KafkaWorld.live(2);
    const [zombie, other] = world.processes;
    if (zombie === undefined || other === undefined) throw new Error('no streamers');
    world.writer.start();
    // Before its transaction: nothing but the checkpoint's condition stands between its batch and the rows.
    await zombie.ambush('batch:staged', 'SIGSTOP');
    await zombie.struck('batch:staged');
    await world.writer.rest();
    await world.caughtUp();
    await world.expectExact();
    zombie.resume();
    await eventually(async () => zombie.log.includes(MOVED) || (await world.eventsSince()).doc > world.writer.events.doc || (await world.eventsSince()).line > world.writer.events.line, { describe: 'the zombie going on with its batch', timeoutMs: 30_000 });
    await world.expectExact();
    expect(zombie.log).toContain(MOVED);

    // Inside its transaction: that ends by its timeout, so that the next owner is not held up for ever.
    world.writer.start();
    await other.ambush('batch:before-commit', 'SIGSTOP');
    await other.struck('batch:before-commit');
    await world.writer.rest();
    await world.caughtUp();
    await world.expectExact();
    other.resume();
    await world.writer.write(50);
    await world.caughtUp();
    await world.expectExact();
  });
});

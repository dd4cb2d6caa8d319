import { startConnect, startKafkaServer, type ConnectServer, type KafkaServer } from '@elstream/servers';
import { CAPTURE_RESUMED } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { KafkaWorld } from './kafka-world';

jest.setTimeout(600_000);

/** Servers of our own: they are killed. */
let broker: KafkaServer;
let connect: ConnectServer;
let world: KafkaWorld;

beforeAll(async () => {
  broker = await startKafkaServer();
  connect = await startConnect({ brokers: broker.brokers });
  world = await KafkaWorld.live(1, { kafka: { brokers: broker.brokers, connectUrl: connect.url } });
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await connect.kill();
  await connect.stop();
  await broker.kill();
  await broker.stop();
});

/** Waits until so many more events of doc are applied. */
async function goesOn(events: number): Promise<void> {
  const { doc } = await world.eventsSince();
  await eventually(async () => (await world.eventsSince()).doc >= doc + events, { describe: 'the stream going on', timeoutMs: 240_000 });
}

describe('a pipeline over Kafka', () => {
  it('loses, doubles and declares nothing when Connect dies in the middle of a large transaction and is started again', async () => {
    // Of some 12 MB: the connector has written parts of it when it dies, and not all; on a busy machine it may have been quicker.
    for (let cut = false; !cut; ) {
      const before = await world.endOffset('doc');
      await world.writer.large(3_000, 1_900);
      await eventually(async () => (await world.endOffset('doc')) > before + 2_200n, { describe: 'the connector writing the transaction', intervalMs: 2 });
      await connect.kill();
      cut = (await world.endOffset('doc')) < before + 6_000n;
      await connect.restart();
    }
    await world.writer.write(30);
    await world.healed();
    await world.expectExact();
  });

  it('goes on by itself after the broker was killed and came back', async () => {
    world.writer.start();
    await goesOn(20);
    await broker.kill();
    await broker.restart();
    await goesOn(100);
    await world.writer.rest();
    await world.healed();
    await world.expectExact();
  });

  it('makes good what Debezium leaves out for ever when Connect dies in the middle of rows that were copied in', async () => {
    let leftOut: readonly string[] = [];
    for (let tries = 0; tries < 5 && leftOut.length === 0; tries += 1) {
      const before = await world.endOffset('doc');
      const copied = await world.writer.copy(12_000);
      await eventually(async () => (await world.endOffset('doc')) > before + 2_000n, { describe: 'the connector writing the rows', intervalMs: 2 });
      await connect.kill();
      await connect.restart();
      await world.writer.write(5);
      await world.healed();
      await world.expectSameRows();
      const { inserted } = await world.delivered('doc');
      leftOut = copied.filter((key) => !inserted.has(key));
    }
    // Not what anybody wants, but what the rest of this is about.
    expect(leftOut.length).toBeGreaterThan(0);
    const letters = await world.runtime.store.readDeadLetters({ pipeline: world.pipeline.name, code: CAPTURE_RESUMED, limit: 1_000 });
    expect([...new Set(letters.map(({ state }) => state))]).toEqual(['replayed']);
    expect(letters.map(({ key }) => JSON.stringify({ id: Number(key?.[0]) }))).toEqual(expect.arrayContaining([...leftOut]));
    const runs = await world.runtime.store.readRuns({ pipeline: world.pipeline.name, limit: 100 });
    expect(runs.filter(({ reason }) => reason === 'log-gap' || reason === 'reload')).toEqual([]);
    for (const streamer of world.processes) await streamer.stop();
  });
});

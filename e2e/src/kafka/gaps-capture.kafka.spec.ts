import { loadPipelineText, type PipelineConfig } from '@elstream/config';
import type { PipelineRegistry } from '@elstream/replication';
import { testKafka } from '@elstream/testing';
import { Behind } from './behind.fixture';
import { KafkaWorld } from './kafka-world';
import { wayToConnect, type WayToConnect } from './way-to-connect.fixture';

jest.setTimeout(240_000);

/** Of one world, in which each test leaves both sides equal and everything live. */
let world: KafkaWorld;
let behind: Behind;
let way: WayToConnect;
let streamer: ReturnType<KafkaWorld['streamHere']>;

/** One that never looks at capture while it reads: only the counter row can tell it. */
const BLIND = { guardMs: 3_600_000 };
const WATCHFUL = { guardMs: 300 };

beforeAll(async () => {
  const { brokers, connectUrl } = await testKafka();
  way = await wayToConnect(connectUrl);
  world = await KafkaWorld.open({ docs: 60, kafka: { brokers, connectUrl: way.url } });
  behind = await Behind.open(world);
  streamer = world.streamHere(BLIND);
  await world.preload();
  await world.record();
});
afterAll(async () => {
  await behind?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});
beforeEach(() => behind.mark());

const TABLES = ['public.doc', 'public.line'];

/** A run of all tables that the gap has started, declared once, with the reason in its line; both sides equal. */
async function expectGap(reason: RegExp): Promise<void> {
  const runs = await behind.answered();
  expect(runs.map((run) => [run.reason, [...run.tables].sort(), run.state])).toEqual([['log-gap', TABLES, 'succeeded']]);
  expect(await behind.reloaded()).toEqual(TABLES);
  for (const line of ['log gap found: the pipeline will be preloaded again', 'run started by itself after a log gap', 'log gap: all tables are preloaded again']) {
    expect(behind.said(line).map(({ level, fields }) => [level, fields['reason']])).toEqual([['warn', expect.stringMatching(reason)]]);
  }
  expect((await world.runtime.store.readPipeline(world.pipeline.name))?.gapReason).toBeNull();
  for (const table of TABLES) expect(await behind.state(table)).toMatchObject({ phase: 'live', stale: null, error: null });
  await world.expectSameRows();
}

/** Changes, and a number of the counter, that capture is going to leave out. */
async function changeUnseen(): Promise<void> {
  await world.writer.write(20);
  const before = await behind.counted();
  await behind.await('a counter that is raised', async () => (await behind.counted()) > before);
}

describe('a log gap of capture, told by the counter row alone', () => {
  it('is declared where a number is missing', async () => {
    await world.writer.write(5);
    await world.source.query('UPDATE elstream.counter SET value = value + 2 WHERE pipeline = $1', [world.pipeline.name]);
    await expectGap(/numbers of the counter at the source are missing: \d+ was followed by \d+/);
  });

  it('is declared where offsets in Connect were emptied, and the slot had moved on over changes', async () => {
    await behind.stopConnector();
    await changeUnseen();
    await behind.advanceSlot();
    await behind.emptyOffsets();
    await behind.connect.resume(behind.connector);
    await expectGap(/numbers of the counter at the source are missing/);
  });
});

describe('a log gap of capture, told by looking', () => {
  beforeAll(async () => {
    await streamer.stop();
    streamer = world.streamHere(WATCHFUL);
    await world.caughtUp();
  });

  it('is declared where the connector was deleted with its offsets, and registered again', async () => {
    const config = await behind.connect.config(behind.connector);
    if (config === null) throw new Error('no connector');
    await behind.stopConnector();
    await changeUnseen();
    await behind.advanceSlot();
    await behind.emptyOffsets();
    await behind.connect.delete(behind.connector);
    await behind.connect.createStopped(behind.connector, config);
    await expectGap(/has no offset in Kafka Connect any more|does not exist in Kafka Connect/);
  });

  it('is declared where the slot was dropped under Debezium', async () => {
    await world.writer.write(5);
    await behind.dropSlot();
    await world.writer.write(20);
    await expectGap(/replication slot \w+ is gone|the connector \w+ failed|beyond what the connector/);
  });

  it('is declared where the source kept more than the limit while neither Connect nor the brokers could be asked: the slot is dropped all the same (R14)', async () => {
    const { runtime, source, pipeline, yaml } = world;
    const registry = runtime.registry as PipelineRegistry & { apply(configs: readonly PipelineConfig[]): Promise<void> };
    const away = loadPipelineText(yaml.replace('transactionWaitMs', 'walLimitBytes: 16MiB, transactionWaitMs').replace(/brokers: '[^']*'/, "brokers: '127.0.0.1:9'"), {}).config;
    await behind.stopConnector();
    way.cut();
    await registry.apply([away]);
    await source.query("SELECT pg_logical_emit_message(true, 'fill', repeat('x', 17 << 20))");
    await behind.await('a source that keeps nothing for us', async () => (await source.query('SELECT FROM pg_replication_slots WHERE database = current_database()')).length === 0);
    const reason = /the log retained at the source \(\d+ bytes\) reached the limit of 16777216 bytes/;
    expect((await runtime.store.readPipeline(pipeline.name))?.gapReason).toMatch(reason);
    expect(behind.said('the slot is dropped, a log gap declared').length).toBeGreaterThan(0);

    // Connect is back, with a connector that goes on by itself.
    way.mend();
    await behind.connect.resume(behind.connector);
    await registry.apply(runtime.configs);
    const runs = await behind.answered();
    expect(runs.map((run) => [run.reason, run.state])).toEqual([['log-gap', 'succeeded']]);
    expect(await behind.reloaded()).toEqual(TABLES);
    expect(behind.said('log gap: all tables are preloaded again').map(({ fields }) => fields['reason'])).toEqual([expect.stringMatching(reason)]);
    await world.expectSameRows();
  });
});

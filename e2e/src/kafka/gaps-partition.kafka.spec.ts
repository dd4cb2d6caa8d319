import { TRUNCATED } from '@elstream/core';
import { expectSameRows } from '@elstream/testing';
import { GAP_PREFIX } from '@elstream/warehouse';
import { Behind } from './behind.fixture';
import { KafkaWorld } from './kafka-world';

jest.setTimeout(240_000);

/** Of one world, in which each test leaves both sides equal and everything live. */
let world: KafkaWorld;
let behind: Behind;
let streamer: ReturnType<KafkaWorld['streamHere']>;

beforeAll(async () => {
  world = await KafkaWorld.open({ docs: 100, stream: 'schemas: true' });
  behind = await Behind.open(world);
  await world.source.query('CREATE TABLE big (id int PRIMARY KEY, body text)');
  streamer = world.streamHere();
  await world.preload();
  await world.record();
});
afterAll(async () => {
  await behind?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});
beforeEach(() => behind.mark());

const GAP_LINE = 'log gap: the tables of the partition are preloaded again';
const RUN_LINE = 'run started by itself: events of tables were lost or came out of order';

/** One run, of the tables of `table`'s topic alone, and both sides equal. */
async function expectReload(table: string): Promise<void> {
  const runs = await behind.answered();
  expect(runs.map(({ reason, tables, state }) => [reason, tables, state])).toEqual([['reload', [table], 'succeeded']]);
  expect(await behind.reloaded()).toEqual([table]);
  expect(behind.said(RUN_LINE)).toHaveLength(1);
  expect(await behind.state(table)).toMatchObject({ phase: 'live', stale: null, error: null });
  await world.expectSameRows();
}

describe('a log gap of one partition', () => {
  it('is declared where retention has overtaken a streamer that was stopped, and only the tables of that topic are preloaded again', async () => {
    await streamer.stop();
    await world.writer.write(40);
    await behind.delivered();
    const partition = await behind.retire('line', 4);
    streamer = world.streamHere();
    await expectReload('public.line');
    expect(behind.said(GAP_LINE)).toMatchObject([{ level: 'warn', fields: { partition, tables: 'public.line', reason: expect.stringMatching(/retention was faster/) as string } }]);
  });

  it('is noted while the pipeline is paused, and answered by a run when it is resumed', async () => {
    const { runtime, pipeline } = world;
    await runtime.store.setPaused(pipeline.name, true);
    await behind.await('a stream that waits', () => Promise.resolve(behind.said('stream waits').length > 0));
    await world.writer.write(40);
    await behind.delivered();
    const partition = await behind.retire('doc', 4);
    await behind.await('a gap that is noted', async () => (await behind.state('public.doc')).stale !== null);
    expect(await behind.state('public.doc')).toMatchObject({ phase: 'new', stale: expect.stringMatching(new RegExp(`^${GAP_PREFIX}retention was faster`)) as string });
    expect(behind.said(GAP_LINE)).toMatchObject([{ fields: { partition, tables: 'public.doc' } }]);
    expect(await behind.newRuns()).toEqual([]);
    await runtime.store.setPaused(pipeline.name, false);
    await expectReload('public.doc');
    expect(behind.said(GAP_LINE)).toHaveLength(1);
  });
});

describe('a topic that is deleted and made anew while no streamer reads', () => {
  it('is a log gap where it has grown beyond the checkpoint', async () => {
    await world.source.query(`INSERT INTO big VALUES (100, 'before')`);
    await world.settled();
    await streamer.stop();
    const topic = world.topicOf('doc').replace(/doc$/, 'big');
    const held = await behind.kafka.offsets(topic);
    await behind.makeAnew(topic, held.length);
    await world.source.query(`INSERT INTO big SELECT i, 'after' FROM generate_series(101, 160) i`);
    await behind.await('more than there was', async () => (await behind.kafka.offsets(topic)).every(({ end }, i) => end > held[i]!.end));
    streamer = world.streamHere();
    await expectReload('public.big');
    expect(behind.said(GAP_LINE)).toMatchObject([{ level: 'warn', fields: { tables: 'public.big', reason: expect.stringMatching(/made anew: below offset/) as string } }]);
    expect(await world.warehouse.query('SELECT count(*)::int AS n, min(id)::int AS first FROM big')).toEqual([{ n: 61, first: 100 }]);
    await world.source.query('DELETE FROM big');
    await world.settled();
  });
});

describe('a table whose topic has three partitions', () => {
  it('is preloaded again after a truncate, while a writer goes on', async () => {
    world.writer.start();
    await world.source.query('TRUNCATE line');
    await behind.await('a table that is stale', async () => (await behind.state('public.line')).stale?.startsWith(TRUNCATED) === true, 10);
    await behind.await('the run', async () => (await behind.newRuns()).some(({ finishedAt }) => finishedAt !== null));
    await world.writer.rest();
    await expectReload('public.line');
  });

  it('has bytes that cannot be read parked as dead letters, and everything else applied', async () => {
    const topic = world.topicOf('doc');
    const producer = await behind.kafka.producer();
    await world.writer.write(5);
    for (const partition of [0, 1, 2]) await producer.send(topic, [{ key: '{"id":1}', value: `{"not json ${String(partition)}`, partition }]);
    await producer.send(topic, [{ key: Buffer.from([0xff, 0xfe]), value: Buffer.from([0, 0xff, 0x7b]), partition: 0 }]);
    await producer.close();
    await world.writer.write(20);
    await world.settled();
    const parked = await world.runtime.store.readDeadLetters({ pipeline: world.pipeline.name, table: 'public.doc', limit: 10 });
    expect(parked.map(({ state }) => state)).toEqual(['parked', 'parked', 'parked', 'parked']);
    expect(await behind.newRuns()).toEqual([]);
    await world.expectSameRows();
  });

  it('takes a row of 10 MB', async () => {
    const md5s = Array.from({ length: 327_680 }, (_, i) => i.toString(16).padStart(32, 'abcdefgh')).join('');
    await world.source.query('INSERT INTO big VALUES (1, $1)', [md5s]);
    await world.source.query(`INSERT INTO big VALUES (2, 'small')`);
    await world.source.query(`UPDATE big SET body = reverse(body) WHERE id = 1`);
    await world.settled();
    expect(await world.warehouse.query('SELECT id, length(body) AS length FROM big ORDER BY id')).toEqual([{ id: 1, length: 10 << 20 }, { id: 2, length: 5 }]);
    await expectSameRows({ url: world.source.url, table: 'public.big', columns: ['id', 'body'] }, { url: world.warehouse.url, table: 'public.big', columns: ['id', 'body'] });
    expect(await behind.newRuns()).toEqual([]);
  });
});

import { type CaptureSource } from '@elstream/change-stream';
import { CAPTURE_RESUMED, type ChangeEvent } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { type KafkaProducer, type NewRecord } from './client';
import { at, int, mappingOf, offset, Reader, text } from './stream.fixture';
import { postgresEvent, writtenContext, type WrittenContext } from './written.fixture';

jest.setTimeout(90_000);

const t = mappingOf('t', ['id'], [int('id'), text('v')]);
const u = mappingOf('u', ['id'], [int('id'), text('v')]);
const NOTE = { key: null, value: JSON.stringify({ id: 'x', type: 'SKIPPED', aggregate_type: 'Initial Snapshot', additional_data: { connector_name: 'c' }, timestamp: 1 }) };

const insert = (id: number, lsn: number, table = 't'): NewRecord => ({ key: `{"id":${String(id)}}`, value: postgresEvent('c', { id, v: 'x' }, { lsn, table }) });
const update = (id: number, lsn: number): NewRecord => ({ key: `{"id":${String(id)}}`, value: postgresEvent('u', { id, v: 'y' }, { lsn }) });
const moved = (side: 'old' | 'new', id: number, other: number, lsn: number): NewRecord => ({
  key: `{"id":${String(id)}}`,
  value: postgresEvent(side === 'old' ? 'd' : 'c', { id, v: 'x' }, { lsn }),
  headers: { [`__debezium.${side === 'old' ? 'new' : 'old'}key`]: `{"id":${String(other)}}` },
});

async function remade({ client }: WrittenContext, topic: string, config: Readonly<Record<string, string>> = {}): Promise<void> {
  await client.deleteTopics([topic]);
  await eventually(async () => expect(await client.listTopics()).not.toContain(topic), { timeoutMs: 20_000 });
  await client.createTopics([{ topic, partitions: 1, config }]);
}

type Written = readonly (readonly [topic: string, records: readonly NewRecord[], end?: 'abort'])[];
interface How {
  /** `one`: it begins again by itself, and keeps epoch and clock; `new`: for each thing it writes, with another epoch. */
  readonly tasks?: 'one' | 'new';
  /** What is done before the start. */
  readonly before?: () => Promise<void>;
}

/** As retention does, once the marker of the transaction lies there too. */
async function purged({ client }: WrittenContext, topic: string, before: bigint): Promise<void> {
  await eventually(async () => expect((await client.offsets(topic))[0]?.end).toBeGreaterThanOrEqual(before), { timeoutMs: 20_000 });
  await client.deleteRecords(topic, 0, before);
}

/** A task writes what it writes, is followed by another that says so and goes on, and all of it is read. */
async function startAfter(context: WrittenContext, written: Written, companions?: Companions, { tasks, before }: How = {}): Promise<ChangeEvent[]> {
  if (companions !== undefined) context.says.companions = companions;
  const task = (n: number): Promise<KafkaProducer> => context.client.producer({ transactionalId: `${context.name}-${String(n)}` });
  let first = await task(1);
  for (const [topic, records, end = 'commit'] of written) {
    await first.transaction(topic, records, end);
    if (tasks === 'new') first = await task(1);
  }
  await before?.();
  const second = tasks === 'one' ? first : await task(2);
  await second.transaction(context.notificationsTopic, [NOTE], 'commit');
  await second.transaction(context.topic(t), [insert(99, 9_999)], 'commit');
  const reader = new Reader(await context.stream(), context.tables, await context.zero()).read();
  const next = (partition: string): bigint => BigInt(`0x${reader.checkpoints.get(partition)?.hex ?? '0'}`);
  await reader.until((events) => next(`${context.notificationsTopic}-0`) > 0n && events.some((event) => event.op === 'insert' && event.row[0] === '99'), 'the start and what follows it');
  await reader.stop();
  return reader.events.filter(({ op }) => op === 'poison' || op === 'reload');
}

type Companions = NonNullable<CaptureSource['companions']>;
const known = (...keys: string[]): Companions => () => Promise.resolve(keys.map((key) => [key]));
const keysOf = (events: readonly ChangeEvent[]): unknown[] => events.map((event) => (event.op === 'poison' ? [event.table, event.code, event.key?.[0]] : event.op === 'reload' ? [event.table, event.op, event.reason.startsWith(CAPTURE_RESUMED)] : event.op));

describe('a start of the connector', () => {
  it.each<[string, (c: WrittenContext) => Written, Companions, unknown[]]>([
    ['behind an update: nothing shares its place', (c) => [[c.topic(t), [insert(1, 10), update(1, 11)]]], known('2'), []],
    ['behind an insert: the rows beside it that were not delivered', (c) => [[c.topic(t), [update(7, 9), insert(1, 10), insert(2, 10)]]], known('1', '2', '3', '4'), [['public.t', CAPTURE_RESUMED, '3'], ['public.t', CAPTURE_RESUMED, '4']]],
    ['behind an insert with none beside it', (c) => [[c.topic(t), [insert(1, 10)]]], known(), []],
    ['behind an insert whose place cannot be told', (c) => [[c.topic(t), [insert(1, 10)]]], () => Promise.resolve(null), [['public.t', 'reload', true]]],
    ['behind the first half of a changed key', (c) => [[c.topic(t), [insert(1, 10), moved('old', 1, 5, 11)]]], known('8'), [['public.t', CAPTURE_RESUMED, '5']]],
    ['behind both halves of one, in two partitions', (c) => [[c.topic(t), [{ ...moved('old', 1, 5, 11), partition: 0 }]], [c.topic(t), [{ ...moved('new', 5, 1, 11), partition: 1 }]]], known('8'), []],
    ['behind the counter, whatever each table saw last', (c) => [[c.topic(t), [insert(1, 10)]], [c.counterTopic, [{ key: '{"pipeline":"x"}', value: postgresEvent('u', { pipeline: 'x', value: 1 }, { lsn: 12, table: 'counter' }) }]]], known('2'), []],
    ['behind an insert of the table that was written last, and no other', (c) => [[c.topic(t), [insert(1, 10)]], [c.topic(u), [insert(1, 11, 'u')]]], known('2'), [['public.u', CAPTURE_RESUMED, '2']]],
    ['behind an insert and a long transaction that was aborted', (c) => [[c.topic(t), [insert(1, 10)]], [c.topic(t), Array.from({ length: 700 }, (_, i) => update(i, 20 + i)), 'abort']], known('2'), [['public.t', CAPTURE_RESUMED, '2']]],
    ['as the first thing that was ever written', () => [], known('2'), []],
  ])('%s', async (_, written, companions, expected) => {
    await using context = await writtenContext('postgresql', [t, u], 2);
    expect(keysOf(await startAfter(context, written(context), companions))).toEqual(expected);
  });

  it('behind a truncate may have left out that of every other table', async () => {
    await using context = await writtenContext('postgresql', [t, u]);
    const truncate: NewRecord = { key: null, value: postgresEvent('t', null, { lsn: 10 }) };
    expect(keysOf(await startAfter(context, [[context.topic(t), [truncate]]], known('2')))).toEqual([['public.u', 'reload', true]]);
  });

  describe('of a task that keeps its epoch, as brokers without epochs of transactions let it,', () => {
    it.each<[string, (c: WrittenContext) => Written, unknown[]]>([
      ['is behind what it sent before', (c) => [[c.topic(t), [insert(1, 10)]], [c.topic(u), [insert(5, 11, 'u')]]], [['public.u', CAPTURE_RESUMED, '2']]],
      ['is not behind what it sent after, though the broker of that was quicker', (c) => [[c.topic(t), [insert(1, 10)]], [c.topic(u), [{ ...insert(5, 11, 'u'), timestamp: String(Date.now() + 60_000) }]]], [['public.t', CAPTURE_RESUMED, '2']]],
    ])('%s', async (_, written, expected) => {
      await using context = await writtenContext('postgresql', [t, u]);
      expect(keysOf(await startAfter(context, written(context), known('2'), { tasks: 'one' }))).toEqual(expected);
    });
  });

  describe('whose last records are gone', () => {
    const counted = (c: WrittenContext): Written[number] => [c.counterTopic, [{ key: '{"pipeline":"x"}', value: postgresEvent('u', { pipeline: 'x', value: 1 }, { lsn: 9, table: 'counter' }) }]];
    const both = [['public.t', 'reload', true], ['public.u', 'reload', true]];

    it.each<[string, retentionMs: number, (c: WrittenContext) => Written, unknown[]]>([
      ['is behind nobody knows what', 600_000_000, () => [], both],
      ['is behind what was written since such records were kept', 600_000_000, (c) => [counted(c)], []],
      ['is behind nobody knows what if they may be younger than all that is left', 60_000, (c) => [counted(c)], both],
    ])('%s', async (_, retentionMs, others, expected) => {
      await using context = await writtenContext('postgresql', [t, u]);
      const topic = context.topic(t);
      await remade(context, topic, { 'retention.ms': String(retentionMs) });
      const before = (): Promise<void> => purged(context, topic, 2n);
      expect(keysOf(await startAfter(context, [...others(context), [topic, [insert(1, 10)]]], known('2'), { before }))).toEqual(expected);
    });
  });

  describe('of a source whose log has gone back', () => {
    it('is not behind what was written long before all else, however high its place', async () => {
      await using context = await writtenContext('postgresql', [t, u]);
      await remade(context, context.topic(u), { 'message.timestamp.type': 'CreateTime' });
      const long = { ...insert(5, 1_000, 'u'), timestamp: String(Date.now() - 11 * 60_000) };
      expect(keysOf(await startAfter(context, [[context.topic(u), [long]], [context.topic(t), [insert(1, 10)]]], known('2')))).toEqual([['public.t', CAPTURE_RESUMED, '2']]);
    });

    it('is behind what has the highest place, and what the epochs of the task tell to be later', async () => {
      await using context = await writtenContext('postgresql', [t, u]);
      const written: Written = [[context.topic(u), [insert(5, 1_000, 'u')]], [context.topic(t), [insert(1, 10)]]];
      expect(keysOf(await startAfter(context, written, known('2'), { tasks: 'new' }))).toEqual([['public.u', CAPTURE_RESUMED, '2'], ['public.t', CAPTURE_RESUMED, '2']]);
    });
  });

  it('asks the source for the rows beside the one of the key and transaction that were delivered', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    const asked: unknown[] = [];
    await startAfter(context, [[context.topic(t), [insert(41, 10)]]], (table, row) => {
      asked.push([table.id, row]);
      return Promise.resolve([]);
    });
    expect(asked).toEqual([['public.t', { key: ['41'], txId: 7n }]]);
  });

  it('is one only if the notification says so', async () => {
    await using context = await writtenContext('postgresql', [t], 1);
    context.says.companions = () => Promise.reject(new Error('not to be asked'));
    const producer = await context.client.producer();
    await producer.send(context.topic(t), [insert(1, 10)]);
    await producer.send(context.notificationsTopic, [{ key: null, value: JSON.stringify({ aggregate_type: 'Incremental Snapshot', type: 'STARTED' }) }, { key: null, value: 'no JSON' }, { key: null, value: null }]);
    const reader = new Reader(await context.stream(), [t], await context.zero()).read();
    await reader.until(() => reader.checkpoints.get(`${context.notificationsTopic}-0`)?.hex === '0000000000000003', 'the notifications are read');
    await reader.stop();
    expect(reader.events.filter(({ op }) => op === 'poison' || op === 'reload')).toEqual([]);
  });
});

describe('what is lost of the notifications', () => {
  const restarted = async (context: WrittenContext, times: number): Promise<void> => {
    const task = await context.client.producer({ transactionalId: `${context.name}-1` });
    for (let i = 0; i < times; i += 1) await task.transaction(context.notificationsTopic, [NOTE], 'commit');
  };
  const LOSSES: readonly [string, (context: WrittenContext, topic: string) => Promise<void>, from: number, next: number][] = [
    ['its records were purged', (context, topic) => purged(context, topic, 3n), 0, 3],
    ['it was made anew', (context, topic) => remade(context, topic), 4, 0],
  ];

  it.each(LOSSES)('is a gap of all tables: a start was not looked into (%s)', async (_, lose, from, next) => {
    await using context = await writtenContext('postgresql', [t, u]);
    const { notificationsTopic } = context;
    await restarted(context, 2);
    await lose(context, notificationsTopic);
    const reader = new Reader(await context.stream(), [t, u], new Map(await context.zero()).set(at(notificationsTopic, 0), offset(from)));
    const gap = { partition: at(notificationsTopic, 0), expected: offset(from), next: offset(next), tables: [t.id, u.id] };
    expect((await reader.stream.status(reader.rows())).partitionGaps).toMatchObject([gap]);
    reader.read();
    await reader.until(() => reader.gaps.length > 0, 'the gap');
    await reader.stop();
    expect(reader.gaps).toMatchObject([gap]);
  });

  it('is none where nothing was read of it: it is new, or the pipeline was prepared before there was one', async () => {
    await using context = await writtenContext('postgresql', [t, u]);
    const reader = new Reader(await context.stream(), [t, u], await context.zero());
    expect((await reader.stream.status(reader.rows())).partitionGaps).toEqual([]);
    await restarted(context, 1);
    await purged(context, context.notificationsTopic, 2n);
    reader.checkpoints.delete(at(context.notificationsTopic, 0));
    expect((await reader.stream.status(reader.rows())).partitionGaps).toEqual([]);
    await context.client.deleteTopics([context.notificationsTopic]);
    reader.checkpoints.set(at(context.notificationsTopic, 0), offset(0));
    await eventually(async () => expect((await reader.stream.status(reader.rows())).partitionGaps).toEqual([]), { timeoutMs: 20_000 });
  });

  it('is read once it is there: the reading asks for another', async () => {
    await using context = await writtenContext('postgresql', [t]);
    await context.client.deleteTopics([context.notificationsTopic]);
    await eventually(async () => expect(await context.client.listTopics()).not.toContain(context.notificationsTopic), { timeoutMs: 20_000 });
    const reader = new Reader(await context.stream(), [t], await context.zero()).read();
    await context.producer.send(context.topic(t), [insert(1, 10)]);
    await reader.until((events) => events.length === 1, 'the row');
    await (await context.stream()).prepare([t]);
    await reader.running;
    reader.checkpoints.set(at(context.notificationsTopic, 0), offset(0));
    await restarted(context, 1);
    reader.read();
    await reader.until(() => reader.checkpoints.get(at(context.notificationsTopic, 0))?.equals(offset(2)) === true, 'the start');
    await reader.stop();
  });
});

import { eventually } from '@elstream/testing';
import { type NewRecord } from './client';
import { at, brief, int, mappingOf, offset, Reader, text } from './stream.fixture';
import { postgresEvent, sqlServerEvent, writtenContext, type WrittenContext } from './written.fixture';

jest.setTimeout(120_000);

const t = mappingOf('t', ['id'], [int('id'), text('v')]);
const item = mappingOf('item', ['id'], [int('id'), text('v')], 'dbo');
const BEGAN = 1_700_000_000_000;

/** A row that committed so many seconds after the first. */
const row = (id: number, second: number): NewRecord => ({ key: JSON.stringify({ id }), value: postgresEvent('c', { id, v: 'a' }).replace(String(BEGAN), String(BEGAN + 1_000 * second)) });
const rowOf = (id: number, second: number, lsn = 16 + second): NewRecord => ({ key: JSON.stringify({ id }), value: sqlServerEvent('c', [lsn, 1], { id, v: 'a' }).replace(String(BEGAN), String(BEGAN + 1_000 * second)) });
const ids = (reader: Reader): unknown[] => brief(reader.events).map((event) => (event as unknown[])[1]);

async function readTo(reader: Reader, topic: string, end: number): Promise<void> {
  await eventually(() => Promise.resolve(reader.checkpoints.get(at(topic, 0))!.equals(offset(end))), { timeoutMs: 30_000, unlessFails: reader.running.then(() => Promise.reject(new Error('the reading ended'))) });
}

/** Reads what is there up to `end`, and ends. */
async function begun(context: WrittenContext, topic: string, end: number): Promise<Reader> {
  const reader = new Reader(await context.stream(), context.tables.slice(0, 1), await context.zero()).read();
  await readTo(reader, topic, end);
  await reader.stop();
  return reader;
}

/** The checkpoints of `reader`, for another process. */
function afterwards(context: WrittenContext, reader: Reader): Promise<Reader> {
  return context.stream().then((stream) => {
    const next = new Reader(stream, reader.tables, reader.checkpoints);
    for (const [partition, applied] of reader.applied) next.applied.set(partition, applied);
    return next;
  });
}

async function makeAnew(context: WrittenContext, topic: string): Promise<void> {
  await context.client.deleteTopics([topic]);
  await eventually(async () => {
    await context.client.createTopics([{ topic, partitions: 1 }]);
    expect(await context.client.offsets(topic)).toEqual([{ partition: 0, first: 0n, end: 0n }]);
  }, { timeoutMs: 20_000 });
}

describe('a topic that was made anew and holds more than was read of the one before', () => {
  it.each([
    ['postgresql', t, row],
    ['sqlserver', item, rowOf],
  ] as const)('is a gap of its tables (%s)', async (connector, table, event) => {
    await using context = await writtenContext(connector, [table]);
    const topic = context.topic(table);
    await context.producer.send(topic, [1, 2, 3].map((id) => event(id, id)));
    const before = await begun(context, topic, 3);
    await makeAnew(context, topic);
    await context.producer.send(topic, [11, 12, 13, 14, 15].map((id) => event(id, id)));
    const reader = (await afterwards(context, before)).read();
    await eventually(() => Promise.resolve(reader.gaps.length > 0 || reader.events.length > 0), { timeoutMs: 30_000 });
    expect(reader.gaps).toEqual([{ partition: at(topic, 0), expected: offset(3), next: offset(5), tables: [table.id], reason: expect.stringContaining('made anew') as string }]);
    await context.producer.send(topic, [event(16, 16)]);
    await reader.until((events) => events.length > 0, 'what follows');
    expect(ids(reader)).toEqual(['16']);
    await reader.stop();
    // Of the new topic it is not said again.
    const again = (await afterwards(context, reader)).read();
    await context.producer.send(topic, [event(17, 17)]);
    await again.until((events) => events.length > 0, 'the next');
    expect([ids(again), again.gaps]).toEqual([['17'], []]);
    await again.stop();
  });

  it('is one where a marker of a transaction lies in the place of what was applied last, and one of all tables where it is the counter\'s', async () => {
    await using context = await writtenContext('postgresql', [t]);
    const topic = context.topic(t);
    const counted = (value: number, second: number): NewRecord => ({ key: '{}', value: postgresEvent('u', { pipeline: context.name, value }, { table: 'counter' }).replace('"public"', '"elstream"').replace(String(BEGAN), String(BEGAN + 1_000 * second)) });
    await context.producer.send(topic, [row(1, 1), row(2, 2)]);
    await context.producer.send(context.counterTopic, [counted(1, 1)]);
    const before = await begun(context, topic, 2);
    await eventually(() => Promise.resolve(before.checkpoints.get(at(context.counterTopic, 0))!.equals(offset(1))), { timeoutMs: 10_000 });
    await makeAnew(context, topic);
    await makeAnew(context, context.counterTopic);
    const producer = await context.client.producer({ transactionalId: `x-${context.name}` });
    // No newer than what was applied: only its place tells.
    await producer.transaction(topic, [row(11, 1)], 'commit');
    await producer.transaction(topic, [row(12, 1)], 'commit');
    await context.producer.send(context.counterTopic, [counted(2, 3), counted(3, 4)]);
    const reader = (await afterwards(context, before)).read();
    await eventually(() => Promise.resolve(reader.gaps.length > 1), { timeoutMs: 30_000 });
    expect(reader.gaps.map(({ partition, expected, next, tables }) => ({ partition, expected, next, tables })).sort((a, b) => (a.partition < b.partition ? -1 : 1))).toEqual([
      { partition: at(context.counterTopic, 0), expected: offset(1), next: offset(2), tables: [t.id] },
      { partition: at(topic, 0), expected: offset(2), next: offset(4), tables: [t.id] },
    ]);
    await reader.stop();
  });
});

describe('a topic that is the same', () => {
  it.each([
    ['postgresql', t, row],
    ['sqlserver', item, rowOf],
  ] as const)('has no gap after aborted transactions and events written twice, nor where they, or poison, are the last, or were passed over (%s)', async (connector, table, event) => {
    const other = mappingOf('other', ['id'], [int('id')], table.source.schema);
    await using context = await writtenContext(connector, [table, other]);
    const topic = context.topic(table);
    const producer = await context.client.producer({ transactionalId: `x-${context.name}` });
    await producer.transaction(topic, [event(90, 90)], 'abort');
    await producer.transaction(topic, [event(1, 1), event(2, 2)], 'commit');
    await producer.transaction(topic, [event(91, 91)], 'abort');
    const first = await begun(context, topic, 7);
    const steps: (readonly NewRecord[])[] = [[event(1, 1), event(2, 2)], [{ key: '{"id":3}', value: '{"not' }], [{ key: '{"id":3}', value: null }]];
    let [reader, end] = [first, 7];
    for (const step of steps) {
      await context.producer.send(topic, step);
      end += step.length;
      reader = (await afterwards(context, reader)).read();
      await readTo(reader, topic, end);
      expect(reader.gaps).toEqual([]);
      await reader.stop();
    }
    // While the table is halted its events are passed over: they are newer than anything applied.
    await context.producer.send(topic, [event(4, 400)]);
    const passing = await afterwards(context, reader);
    passing.tables = [other];
    passing.read();
    await readTo(passing, topic, end + 1);
    await passing.stop();
    const last = await afterwards(context, passing);
    last.tables = [table];
    last.read();
    await context.producer.send(topic, [event(5, 401)]);
    await last.until((events) => events.length > 0, 'the row after');
    expect([ids(last), last.gaps]).toEqual([['5'], []]);
    await last.stop();
  });

  it.each([
    ['postgresql', t, row],
    ['sqlserver', item, rowOf],
  ] as const)('has none where retention has taken all that was read, nor where nothing was (%s)', async (connector, table, event) => {
    await using context = await writtenContext(connector, [table]);
    const topic = context.topic(table);
    await context.producer.send(topic, [1, 2, 3].map((id) => event(id, id)));
    const before = await begun(context, topic, 3);
    await context.client.deleteRecords(topic, 0, 3n);
    await context.producer.send(topic, [event(4, 4)]);
    const reader = (await afterwards(context, before)).read();
    await reader.until((events) => events.length > 0, 'the row after');
    expect([ids(reader), reader.gaps]).toEqual([['4'], []]);
    await reader.stop();
    // A checkpoint that was only set: what lies below it was never read.
    const set = new Reader(await context.stream(), [table], new Map(reader.checkpoints)).read();
    await context.producer.send(topic, [event(5, 5)]);
    await set.until((events) => events.length > 0, 'the row after');
    expect([ids(set), set.gaps]).toEqual([['5'], []]);
    await set.stop();
  });
});

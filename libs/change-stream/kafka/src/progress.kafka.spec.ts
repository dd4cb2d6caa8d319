import { ConnectClient } from '@elstream/debezium';
import { LogPosition } from '@elstream/core';
import { eventually, type TestDatabase } from '@elstream/testing';
import { at, int, mappingOf, offset, Reader, streamContext, text, type StreamContext } from './stream.fixture';

jest.setTimeout(150_000);

const t = mappingOf('t', ['id'], [int('id'), text('v')]);
const other = mappingOf('other', ['id'], [int('id')]);
const SETUP = 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY)';

async function endOfLog(db: TestDatabase): Promise<LogPosition> {
  const [row] = await db.query<{ lsn: string }>("SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn");
  return LogPosition.fromBigInt(BigInt(row?.lsn ?? '0'), 8);
}

/** Marked, with the counter raised as long as that takes. */
async function marked({ stream }: StreamContext, position: LogPosition): Promise<NonNullable<Awaited<ReturnType<StreamContext['stream']['mark']>>>> {
  for (let tries = 0; tries < 60; tries += 1) {
    const mark = await stream.mark(position);
    if (mark !== null) return mark;
    await stream.raiseCounter(() => Promise.resolve(0n));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error('never delivered');
}

describe('how far a stream is (R4, R8)', () => {
  it('marks a position once it is delivered, and counts it passed when every partition is applied', async () => {
    await using context = await streamContext(SETUP, { topics: { partitions: 3 }, connect: { schemas: true } });
    const { db, stream } = context;
    const reader = new Reader(stream, [t, other], await stream.prepare([t, other]));
    const behind = { ...(await stream.moment(await endOfLog(db), t.id)) };
    await db.query("INSERT INTO t SELECT i, 'a' FROM generate_series(1, 50) i");
    const position = await endOfLog(db);
    const mark = await marked(context, position);
    expect(mark.reachedBy(reader.rows())).toBe(false);
    const moment = await stream.moment(position, t.id);
    expect((await stream.status(reader.rows())).eventsBehind).toBeGreaterThan(49n);
    reader.read();
    await reader.until((events) => events.filter(({ op }) => op === 'insert').length === 50, 'all rows');
    await eventually(() => Promise.resolve(mark.reachedBy(reader.rows())), { timeoutMs: 20_000 });
    expect(mark.reachedBy(reader.rows().slice(1))).toBe(false);
    for (const { tx } of reader.events.filter(({ op }) => op === 'insert')) {
      expect(tx.position.isBelow(mark.bound(t.id))).toBe(true);
      expect([moment.mayBeNewer(tx.position), behind.mayBeNewer(tx.position)]).toEqual([false, true]);
    }
    await db.query("UPDATE t SET v = 'b' WHERE id = 1");
    await reader.until((events) => events.some(({ op }) => op === 'update'), 'the update');
    expect(moment.mayBeNewer(reader.events.find(({ op }) => op === 'update')!.tx.position)).toBe(true);
    await eventually(async () => expect(await stream.status(reader.rows())).toMatchObject({ state: 'ready', gap: null, trouble: null, partitionGaps: [], eventsBehind: 0n }), { timeoutMs: 20_000 });
    // A process that never prepared says the same.
    expect(await (await context.another()).status(reader.rows())).toMatchObject({ state: 'ready', gap: null, trouble: null, partitionGaps: [] });
    // Log that is of no captured table moves slot and connector on, never one beyond the other.
    await db.query('CREATE TABLE noise (v text)');
    for (let i = 0; i < 15; i += 1) {
      await db.query("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 300)");
      expect(await stream.status(reader.rows())).toMatchObject({ gap: null, trouble: null });
    }
    await reader.stop();
  });

  it('tells what is wrong with capture, and makes it anew', async () => {
    await using context = await streamContext(SETUP);
    const { db, stream, name, connectUrl } = context;
    const connect = new ConnectClient({ url: connectUrl });
    const start = await stream.prepare([t]);
    const { checkpoints } = new Reader(stream, [t], start);
    const rows = new Reader(stream, [t], checkpoints).rows();

    await connect.put(name, { ...(await connect.config(name)), 'max.batch.size': '77' });
    expect((await stream.status(rows)).trouble).toContain('max.batch.size');
    expect((await stream.prepare([t, other])).created).toBe(false);
    expect(await stream.captured()).toEqual(new Set([t.id, other.id]));
    await connect.pause(name);
    await eventually(async () => expect((await stream.status(rows)).trouble).toContain('resume'), { timeoutMs: 20_000 });

    // Its offsets are emptied: it would begin at the end of the log.
    await connect.stop(name);
    await eventually(() => connect.deleteOffsets(name).then(() => true), { timeoutMs: 20_000 });
    expect((await stream.status(rows)).gap).toContain('no offset');
    expect((await stream.prepare([t, other])).created).toBe(true);
    expect((await stream.status(rows)).gap).toBeNull();

    // Deleted, and registered again with the offsets that it left.
    await connect.delete(name);
    expect(await stream.status(rows)).toMatchObject({ state: 'missing' });
    expect((await stream.prepare([t, other])).created).toBe(true);

    // The slot is dropped under it.
    await connect.stop(name);
    await eventually(async () => (await db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [name])).length === 1, { timeoutMs: 20_000 });
    await db.query('SELECT pg_drop_replication_slot($1)', [name]);
    expect(await stream.status(rows)).toMatchObject({ state: 'missing' });
    const again = await stream.prepare([t]);
    expect(again.created).toBe(true);
    const reader = new Reader(stream, [t], again).read();
    await db.query("INSERT INTO t VALUES (1, 'a')");
    await reader.until((events) => events.some(({ op }) => op === 'insert'), 'the row');

    // Somebody else moves the slot.
    await connect.stop(name);
    await eventually(async () => expect(await connect.status(name)).toMatchObject({ state: 'STOPPED', tasks: [] }), { timeoutMs: 20_000 });
    await eventually(async () => (await db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [name])).length === 1, { timeoutMs: 20_000 });
    await db.query("INSERT INTO t VALUES (2, 'b')");
    // It advances to what is flushed, which commits of the test server do not wait for.
    await eventually(async () => {
      await db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [name]);
      expect((await stream.status(reader.rows())).gap).toContain('moved');
    }, { timeoutMs: 20_000 });
    await reader.stop();
  });
});

describe('offsets that are gone (R3 d)', () => {
  const shortened = async (context: StreamContext, reader: Reader): Promise<void> => {
    const { db, client } = context;
    const topic = context.topicOf(t);
    await db.query("INSERT INTO t SELECT i, 'x' FROM generate_series(100, 109) i");
    await eventually(async () => ((await client.offsets(topic))[0]?.end ?? 0n) >= 10n + BigInt(`0x${reader.checkpoints.get(at(topic, 0))!.hex}`), { timeoutMs: 30_000 });
  };

  it('tells retention that was faster than a stopped reader, for the tables of that topic alone, and goes on behind it', async () => {
    await using context = await streamContext(SETUP);
    const { stream, client } = context;
    const topic = context.topicOf(t);
    const reader = new Reader(stream, [t, other], await stream.prepare([t, other]));
    await shortened(context, reader);
    await client.deleteRecords(topic, 0, 5n);
    const expected = { partition: at(topic, 0), expected: offset(0), next: offset(5), tables: [t.id] };
    expect((await stream.status(reader.rows())).partitionGaps).toMatchObject([expected]);
    reader.read();
    await reader.until((events) => events.filter(({ op }) => op === 'insert').length > 0, 'the rest');
    expect(reader.gaps).toMatchObject([expected]);
    expect(reader.batches.find(({ partition }) => partition === at(topic, 0))?.from.hex).toBe(offset(5).hex);
    expect((await stream.status(reader.rows())).partitionGaps).toEqual([]);

    // While it reads.
    let release = (): void => undefined;
    await reader.stop();
    const paused = new Reader(stream, [t, other], reader.checkpoints);
    const held = new Promise<void>((resolve) => (release = resolve));
    let holding = false;
    paused.read({
      onBatch: async (batch) => {
        if (batch.partition === at(topic, 0) && batch.events.length > 0 && !holding) {
          holding = true;
          await held;
        }
        return paused.apply(batch);
      },
    });
    await context.db.query("INSERT INTO t SELECT i, 'y' FROM generate_series(200, 209) i");
    await eventually(() => Promise.resolve(holding), { timeoutMs: 30_000 });
    await context.db.query("INSERT INTO t SELECT i, 'z' FROM generate_series(300, 309) i");
    const ends = (): Promise<bigint> => client.offsets(topic).then(([first]) => first?.end ?? 0n);
    let end = 0n;
    await eventually(async () => (end = await ends()) >= 33n, { timeoutMs: 30_000 });
    await client.deleteRecords(topic, 0, end - 2n);
    release();
    await paused.until(() => paused.gaps.length === 1, 'the gap');
    expect(paused.gaps).toMatchObject([{ partition: at(topic, 0), next: offset(end - 2n), tables: [t.id] }]);
    await eventually(() => Promise.resolve(paused.checkpoints.get(at(topic, 0))!.compare(offset(end)) >= 0), { timeoutMs: 20_000 });
    await paused.stop();
  });
});

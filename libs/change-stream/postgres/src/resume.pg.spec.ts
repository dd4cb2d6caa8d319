import { type ChangeEvent, type EventBatch, type StreamOffset } from '@elstream/core';
import { SeededRandom } from '@elstream/testing';
import { brief, collect, mappingOf, streamContext, untilMarker } from './stream.fixture';

const t = mappingOf('t', ['id'], ['id', 'v']);
const first = (start: { offsets: ReadonlyMap<string, StreamOffset> }): StreamOffset => start.offsets.get('0') as StreamOffset;
/** One line per event with its position: equal lists are equal streams. */
const exact = (events: readonly ChangeEvent[]): string[] =>
  events.filter((event) => event.op !== 'counter').map((event) => JSON.stringify([event.tx.position.hex, String(event.tx.committedAtUs), event.op, 'row' in event ? event.row : 'key' in event ? event.key : null]));

describe('reading on after a break', () => {
  it('gives every event exactly once over random breaks in mid-transaction, acknowledged or not', async () => {
    await using context = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE noise (id int PRIMARY KEY)');
    const stream = await context.stream({ maxBatchEvents: 7, lingerMs: 1 });
    const start = first(await stream.prepare([t, mappingOf('noise', ['id'], ['id'])]));
    for (let i = 0; i < 12; i += 1) {
      await db.query(`BEGIN; INSERT INTO t SELECT g, 'a' FROM generate_series(${i * 100}, ${i * 100 + 20}) g; INSERT INTO noise SELECT g FROM generate_series(${i * 10}, ${i * 10 + 3}) g;
        UPDATE t SET v = v || 'b' WHERE id % 3 = 0 AND id >= ${i * 100}; DELETE FROM t WHERE id = ${i * 100 + 1}; COMMIT`);
    }
    const done = await untilMarker(db);
    // A slot of its own, untouched by the acknowledgements of the broken runs.
    const control = await context.stream({ slotName: `c_${db.name}` });
    await db.query('SELECT pg_copy_logical_replication_slot($1, $2)', [`s_${db.name}`, `c_${db.name}`]);
    const { events: whole } = await collect(control, { from: start, tables: [t], until: done });
    const random = new SeededRandom('breaks');
    let next = start;
    const got: ChangeEvent[] = [];
    for (let finished = false, breaks = 0; !finished; breaks += 1) {
      let left = random.int(1, 12);
      const part = await collect(stream, {
        from: next,
        tables: [t],
        acknowledge: random.chance(0.5),
        until: (batch) => {
          finished = done(batch);
          left -= 1;
          return finished || left === 0;
        },
      });
      got.push(...part.events);
      next = part.next;
      if (finished) expect(breaks).toBeGreaterThan(5);
    }
    expect(exact(got)).toEqual(exact(whole));
    expect(exact(got).length).toBe(12 * (21 + 7 + 1));
  });

  it('gives all again without an acknowledge, and from an offset exactly the rest', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const stream = await context.stream({ maxBatchEvents: 5 });
    const start = first(await stream.prepare([t]));
    await context.db.query('INSERT INTO t SELECT g FROM generate_series(1, 23) g');
    await context.db.query('UPDATE t SET v = id');
    const until = await untilMarker(context.db);
    const whole = await collect(stream, { from: start, tables: [t], until });
    const again = await collect(stream, { from: start, tables: [t], until });
    expect(exact(again.events)).toEqual(exact(whole.events));
    for (const [index, batch] of whole.batches.entries()) {
      const rest = await collect(stream, { from: batch.from, tables: [t], until });
      expect(exact(rest.events)).toEqual(exact(whole.batches.slice(index).flatMap((b) => b.events)));
    }
  });

  it('loses nothing among many small concurrent transactions, each acknowledged, with a new connection each time', async () => {
    await using context = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const stream = await context.stream({ maxBatchEvents: 3, lingerMs: 1 });
    const start = first(await stream.prepare([t]));
    const writers = await Promise.all([1, 2, 3, 4].map(() => db.client()));
    const writing = Promise.all(
      writers.map(async (client, w) => {
        for (let i = 0; i < 40; i += 1) await client.query(`INSERT INTO t VALUES (${w * 1000 + i})`);
      }),
    );
    let next = start;
    const ids = new Set<string>();
    const take = (batch: EventBatch): boolean => {
      for (const event of batch.events) {
        if (event.op !== 'insert') continue;
        expect(ids.has(event.row[0] as string)).toBe(false);
        ids.add(event.row[0] as string);
      }
      return batch.events.length > 0;
    };
    while (ids.size < 160) next = (await collect(stream, { from: next, tables: [t], acknowledge: true, until: take })).next;
    await writing;
    const until = await untilMarker(db);
    expect(brief((await collect(stream, { from: next, tables: [t], until })).events)).toEqual([]);
  });

  it('tells the server nothing beyond what was acknowledged', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const stream = await context.stream({ statusIntervalMs: 50, maxBatchEvents: 4 });
    const start = first(await stream.prepare([t]));
    await context.db.query('INSERT INTO t SELECT g FROM generate_series(1, 10) g');
    const until = await untilMarker(context.db);
    const read = await collect(stream, { from: start, tables: [t], until });
    expect((await stream.confirmed())).toEqual(start);
    const middle = read.batches[1] as EventBatch;
    await collect(stream, {
      from: start,
      tables: [t],
      until: (batch) => {
        if (batch.from.equals(middle.from)) stream.acknowledge(batch.from);
        // What is older than the last acknowledge changes nothing.
        stream.acknowledge(start);
        return until(batch);
      },
    });
    const { position } = middle.from.splitDirect();
    expect((await stream.confirmed())?.splitDirect()).toEqual({ position, index: 0 });
    expect(exact((await collect(stream, { from: middle.from, tables: [t], until })).events)).toEqual(exact(read.batches.slice(1).flatMap((batch) => batch.events)));
  });

  it('moves on where transactions hold nothing of ours, so that the log can be released', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE unpublished (id int)');
    const stream = await context.stream({ statusIntervalMs: 100 });
    const start = first(await stream.prepare([t]));
    await context.db.query('INSERT INTO unpublished SELECT generate_series(1, 1000)');
    const [end] = await context.db.query<{ lsn: string }>(`SELECT lpad(split_part(l, '/', 1), 8, '0') || lpad(split_part(l, '/', 2), 8, '0') AS lsn FROM (SELECT pg_current_wal_insert_lsn()::text) AS x (l)`);
    const { next } = await collect(stream, { from: start, tables: [t], acknowledge: true, until: (batch) => batch.next.splitDirect().position.hex >= (end?.lsn ?? '').toLowerCase() });
    expect((await stream.confirmed())?.splitDirect()).toEqual(next.splitDirect());
  });
});

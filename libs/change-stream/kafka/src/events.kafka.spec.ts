import { TRUNCATED, type TableMapping } from '@elstream/core';
import { brief, int, mappingOf, Reader, streamContext, text } from './stream.fixture';

jest.setTimeout(120_000);

const rows = (events: Parameters<typeof brief>[0], table: TableMapping): unknown[] => brief(events.filter((event) => 'table' in event && event.table === table.id));

describe('from a real PostgreSQL through Debezium and Kafka', () => {
  it('delivers every change of a table in order, with composite keys, odd names, unknown values and the counter', async () => {
    const item = mappingOf('Größe "q".x', ['re gion', 'id'], [text('re gion'), int('id'), text('v'), text('big')], 'sch.é');
    const wide = mappingOf('wide', ['id'], [int('id'), text('v')]);
    await using context = await streamContext(`CREATE SCHEMA "sch.é"; CREATE TABLE "sch.é"."Größe ""q"".x" ("re gion" text, id int, v text, big text, PRIMARY KEY ("re gion", id)); ALTER TABLE "sch.é"."Größe ""q"".x" ALTER big SET STORAGE EXTERNAL; CREATE TABLE wide (id int PRIMARY KEY, v text)`, { topics: { partitions: 3, partitionsOf: (table) => (table.name === 'wide' ? 1 : 3) } });
    const { db, stream } = context;
    const start = await stream.prepare([item, wide]);
    expect(start.created).toBe(true);
    expect([...start.offsets.keys()].sort()).toEqual([...[0, 1, 2].map((n) => `${context.topicOf(item)}-${String(n)}`), `${context.topicOf(wide)}-0`, `${context.name}.elstream.counter-0`, `__debezium-notifications.${context.name}-0`].sort());
    expect((await stream.prepare([item, wide])).created).toBe(false);
    const reader = new Reader(stream, [item, wide], start).read();
    const table = '"sch.é"."Größe ""q"".x"';
    const big = 'x'.repeat(20_000);
    await db.query(`INSERT INTO ${table} VALUES ('e,u', 1, 'a', '${big}'), ('ü', 2, NULL, ''), ('k', 3, 'c', '${big}')`);
    await db.query(`UPDATE ${table} SET v = 'b' WHERE id = 1`);
    await db.query(`UPDATE ${table} SET id = 7 WHERE id = 2`);
    await db.query(`UPDATE ${table} SET "re gion" = 'l', id = 8 WHERE id = 3`);
    await db.query(`DELETE FROM ${table} WHERE id = 1`);
    await db.query("INSERT INTO wide VALUES (1, 'x'); TRUNCATE wide; INSERT INTO wide VALUES (2, repeat('y', 10 * 1024 * 1024))");
    await db.query(`TRUNCATE ${table}`);
    await stream.raiseCounter(() => Promise.reject(new Error('the source counts')));
    const [counter] = await db.query<{ value: string }>('SELECT value::text AS value FROM elstream.counter');
    await reader.until((events) => events.some((event) => event.op === 'counter' && String(event.value) === counter?.value), 'the counter');
    await reader.until((events) => rows(events, wide).length === 3 && rows(events, item).length === 10, 'all events');
    const ofKey = (id: string): unknown[] => rows(reader.events, item).filter((event) => (event as unknown[])[2] === id);
    expect(ofKey('1')).toEqual([['+', 'e,u', '1', 'a', big], ['~', 'e,u', '1', 'b', undefined], ['-', 'e,u', '1']]);
    expect(ofKey('2')).toEqual([['+', 'ü', '2', null, ''], ['-', 'ü', '2']]);
    expect(ofKey('7')).toEqual([['+', 'ü', '7', null, '']]);
    // The value was not sent again with the new key: unknown, not empty.
    expect(ofKey('8')).toEqual([['+', 'l', '8', 'c', undefined]]);
    expect(rows(reader.events, item)).toContainEqual(['reload']);
    // By this word the preload waits for all that came before the truncate.
    expect(reader.events.flatMap((event) => (event.op === 'reload' ? event.reason : []))).toEqual([expect.stringMatching(new RegExp(`^${TRUNCATED}: `))]);
    const [first, truncate, large] = rows(reader.events, wide) as [unknown, unknown, string[]];
    expect([first, truncate, large[0], large[1], large[2]?.length]).toEqual([['+', '1', 'x'], ['x'], '+', '2', 10 * 1024 * 1024]);
    expect(reader.reshaped).toEqual([]);

    // The batches of each partition join, and their events' positions grow.
    for (const partition of reader.checkpoints.keys()) {
      const batches = reader.batches.filter((batch) => batch.partition === partition);
      batches.slice(1).forEach((batch, i) => expect(batch.from.hex).toBe(batches[i]!.next.hex));
      const positions = batches.flatMap((batch) => batch.events.map(({ tx }) => tx.position.hex));
      expect(positions).toEqual([...positions].sort());
    }
    for (const event of reader.events) if (event.op === 'update') expect(event.change).toMatch(/^[0-9a-f]{32}$/);

    await reader.stop();
  });
});

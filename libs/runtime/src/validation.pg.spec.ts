import type { Difference, RunOverview } from '@elstream/replication';
import { SeededRandom, type TestDatabase } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, startWriter, twoDatabases, type Databases, type RunningPipeline } from './pipeline.fixture';

jest.setTimeout(120_000);

const SETTINGS = '\ndefaults: { chunkRows: 1000 }\nvalidate: { maxRereads: 2, compareRows: 200 }\n';
const WRITER_MS = 10_000;

interface Validated {
  readonly run: RunOverview;
  /** In the order of their keys. */
  readonly differences: readonly Difference[];
}

async function validate({ runtime, runEnds }: RunningPipeline): Promise<Validated> {
  const [pipeline = ''] = runtime.registry.names();
  const tables = [...(await runtime.registry.get(pipeline).mappings()).keys()];
  const { id } = await runtime.store.createRun({ pipeline, reason: 'manual', tables, stages: ['validate'] });
  await runEnds(id);
  const differences = await runtime.overview.differences(id, 10_000);
  return { run: await runtime.overview.run(id), differences: byKey(differences) };
}

const byKey = (differences: readonly Difference[]): Difference[] => [...differences].sort((a, b) => (a.table + a.key < b.table + b.key ? -1 : 1));

/** What brings rows to the validator, on both sides. */
async function rowReads({ runtime }: RunningPipeline): Promise<() => number> {
  const handle = runtime.registry.get(runtime.registry.names()[0] ?? '');
  const source = await handle.source();
  const spies = [jest.spyOn(source, 'readChunk'), jest.spyOn(source, 'readByKeys'), jest.spyOn(source, 'digests'), jest.spyOn(handle.warehouse, 'readByKeys'), jest.spyOn(handle.warehouse, 'readKeys'), jest.spyOn(handle.warehouse, 'digests')];
  return () => spies.reduce((calls, spy) => calls + spy.mock.calls.length, 0);
}

/** A pipeline of these tables, preloaded and at rest. */
async function preloaded(databases: Databases, tables: readonly string[], more = SETTINGS): Promise<RunningPipeline> {
  const pipeline = await startPipeline(databases, tables, more);
  await pipeline.runEnds((await pipeline.startRun()).id);
  return pipeline;
}

/** Ways to damage one column so that no look at it as a text, number or count would tell. */
const UNEQUAL: readonly (readonly [column: string, value: string])[] = [
  ['name', `name || ' '`],
  ['name', `overlay(name placing 'І' from 1)`],
  ['amount', `amount + 1e-16`],
  ['amount', 'NULL'],
  ['amount', `'NaN'`],
  ['note', `CASE WHEN note IS NULL THEN '' END`],
  ['note', `coalesce(note, '') || E'\\t'`],
];

async function damage(warehouse: TestDatabase, random: SeededRandom, id: number): Promise<Difference> {
  const found = { table: 'public.item', key: `id=${String(id)}`, cells: [String(id)], of: 'row' as const, columns: [] };
  switch (random.pick(['missing', 'extra', 'unequal'] as const)) {
    case 'missing':
      await warehouse.query('DELETE FROM item WHERE id = $1', [id]);
      return { ...found, kind: 'missing' };
    case 'extra': {
      const extra = random.pick([-1, 1]) * (100_000 + id);
      await warehouse.query(`INSERT INTO item SELECT (jsonb_populate_record(i, jsonb_build_object('id', $2::bigint))).* FROM item i WHERE id = $1`, [id, extra]);
      return { ...found, key: `id=${String(extra)}`, cells: [String(extra)], kind: 'extra' };
    }
    case 'unequal': {
      const [column, value] = random.pick(UNEQUAL);
      await warehouse.query(`UPDATE item SET ${column} = ${value} WHERE id = $1`, [id]);
      return { ...found, kind: 'unequal', columns: [column] };
    }
  }
}

describe('validation', () => {
  it('of an equal table moves no row and names what it has compared', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 5_000);
    await using pipeline = await preloaded(databases, ['public.item']);
    const reads = await rowReads(pipeline);
    const { run } = await validate(pipeline);
    const report = { rowsCompared: 5_000, confirmedEqual: 5_000, differences: 0, unverified: 0, ranges: 5 };
    expect(run).toMatchObject({ ...report, position: expect.stringMatching(/^[0-9a-f]{16}$/), tables: [{ table: 'public.item', ...report }] });
    expect(reads()).toBe(0);
    expect(run.bytesMoved).toBeLessThan(5_000);
    expect(run.bytesMoved).toBeGreaterThan(0);
  });

  it('finds and names 30 damages of all kinds, and nothing else', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 5_000);
    await using pipeline = await preloaded(databases, ['public.item']);
    const random = new SeededRandom('30 damages');
    const ids = random.shuffle(Array.from({ length: 5_000 }, (_, i) => i + 1)).slice(0, 30);
    const expected: Difference[] = [];
    for (const id of ids) expected.push(await damage(databases.warehouse, random, id));
    expect(new Set(expected.map((d) => d.kind)).size).toBe(3);
    const { run, differences } = await validate(pipeline);
    expect(differences).toEqual(byKey(expected));
    const wrong = expected.filter((d) => d.kind !== 'extra').length;
    expect(run).toMatchObject({ rowsCompared: 5_000, confirmedEqual: 5_000 - wrong, differences: 30, unverified: 0 });
  });

  it('raises no false alarm beside a writer, again and again', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 5_000);
    await using pipeline = await preloaded(databases, ['public.item'], '\ndefaults: { chunkRows: 1000 }\nvalidate: { compareRows: 200 }\n');
    const writer = startWriter(databases.source);
    const ends = Date.now() + WRITER_MS;
    let passes = 0;
    for (; passes === 0 || Date.now() < ends; passes += 1) {
      const { run, differences } = await validate(pipeline);
      expect(differences).toEqual([]);
      expect(run).toMatchObject({ differences: 0 });
      expect(run.rowsCompared).toBeGreaterThan(3_000);
      expect(run.confirmedEqual).toBe(run.rowsCompared - run.unverified);
    }
    expect(await writer.stop()).toBeGreaterThan(passes);
    await becomesEqual(databases, 'public.item', ITEM);
  });

  it('compares text keys that the two sides order differently', async () => {
    await using databases = await twoDatabases();
    await databases.source.query(`CREATE TABLE word (w text COLLATE "C" PRIMARY KEY, n int)`);
    await databases.source.query(`INSERT INTO word SELECT (ARRAY['ä', 'A', 'a', 'Z', 'z', '-', 'ß', 'ö'])[1 + i % 8] || (ARRAY['b', 'B', ' b', '-b'])[1 + (i / 8) % 4] || i / 32, i FROM generate_series(0, 2999) i`);
    await using pipeline = await preloaded(databases, ['public.word']);
    await databases.warehouse.query(`ALTER TABLE word ALTER w TYPE text COLLATE "und-x-icu"`);
    const reads = await rowReads(pipeline);
    expect((await validate(pipeline)).run).toMatchObject({ rowsCompared: 3_000, confirmedEqual: 3_000, differences: 0, unverified: 0, ranges: 1 });
    expect(reads()).toBe(0);
    await databases.warehouse.query(`UPDATE word SET n = -1 WHERE w = 'äb0'`);
    await databases.warehouse.query(`DELETE FROM word WHERE w = 'z-b3'`);
    await databases.warehouse.query(`UPDATE word SET w = 'Ab0 ' WHERE w = 'Ab0'`);
    const { differences } = await validate(pipeline);
    expect(differences.map((d) => `${d.kind} ${d.key}|${d.columns.join()}`).sort()).toEqual(['extra w=Ab0 |', 'missing w=Ab0|', 'missing w=z-b3|', 'unequal w=äb0|n']);
  });

  it('compares tables with hashed columns row by row', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 1_500);
    const masked = `  settings: [{ match: public.item, columns: { mask: { name: { hash: 'a key of the hash for this test' } } } }]${SETTINGS}`;
    await using pipeline = await preloaded(databases, ['public.item'], masked);
    expect((await validate(pipeline)).run).toMatchObject({ rowsCompared: 1_500, confirmedEqual: 1_500, differences: 0, unverified: 0, ranges: 4 });
    await databases.warehouse.query(`UPDATE item SET name = 'in clear' WHERE id = 3`);
    await databases.warehouse.query('DELETE FROM item WHERE id = 1200');
    await databases.warehouse.query(`INSERT INTO item SELECT (jsonb_populate_record(i, '{"id": 7000}')).* FROM item i WHERE id = 9`);
    const { run, differences } = await validate(pipeline);
    expect(differences.map((d) => `${d.kind} ${d.key} ${d.columns.join()}`)).toEqual(['missing id=1200 ', 'unequal id=3 name', 'extra id=7000 ']);
    expect(run).toMatchObject({ rowsCompared: 1_500, confirmedEqual: 1_498 });
  });

  it('of empty tables, and of tables that one side has nothing of, counts every row and ends', async () => {
    await using databases = await twoDatabases();
    await databases.source.query(`CREATE TABLE nothing (id int PRIMARY KEY); CREATE TABLE lost (id int PRIMARY KEY, v text); CREATE TABLE added (id text PRIMARY KEY)`);
    await databases.source.query(`INSERT INTO lost SELECT i, 'v' || i FROM generate_series(1, 2500) i`);
    await using pipeline = await preloaded(databases, ['public.nothing', 'public.lost', 'public.added'], SETTINGS.replace('maxRereads: 2', 'maxRereads: 1'));
    expect((await validate(pipeline)).run).toMatchObject({ rowsCompared: 2_500, confirmedEqual: 2_500, differences: 0, unverified: 0 });
    // An extra row has to have a version: one from the source, which the warehouse alone then keeps.
    await databases.source.query(`INSERT INTO added VALUES ('kept')`);
    await becomesEqual(databases, 'public.added', ['id']);
    await databases.warehouse.query(`INSERT INTO added SELECT (jsonb_populate_record(a, jsonb_build_object('id', 'more ' || i))).* FROM added a, generate_series(1, 500) i`);
    await databases.source.query('DELETE FROM added');
    await databases.warehouse.query('DELETE FROM lost');
    const { run, differences } = await validate(pipeline);
    const of = (table: string) => run.tables.find((t) => t.table === `public.${table}`);
    expect(of('nothing')).toMatchObject({ rowsCompared: 0, differences: 0, ranges: 1 });
    expect(of('lost')).toMatchObject({ rowsCompared: 2_500, confirmedEqual: 0, differences: 2_500, unverified: 0, ranges: 3 });
    expect(of('added')).toMatchObject({ rowsCompared: 0, confirmedEqual: 0, differences: 500, unverified: 0, ranges: 1 });
    expect(differences).toHaveLength(3_000);
  });
});

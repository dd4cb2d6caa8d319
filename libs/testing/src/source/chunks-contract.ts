import type { KeyRange } from '@elstream/core';
import { SeededRandom } from '../seeded-random';
import { collect, describeOne, mappingOf, readCells, running, type SourceHarness } from './source-tools';

/** A key whose order is the database's own business. */
export interface KeyCase {
  readonly name: string;
  /** Statements before the table is made. */
  readonly setup?: string;
  readonly columns: string;
  readonly key: string;
  /** Rows, as a query; `later` come after planning, outside and between the bounds. */
  readonly rows: string;
  readonly later: string;
}

function mayFollow(range: KeyRange, next: KeyRange | undefined): void {
  expect(range.to).toEqual(next === undefined ? null : next.from);
}

/** Declares the tests of `planChunks` and of the ranges it gives. */
export function chunksContract(harness: SourceHarness, cases: readonly KeyCase[]): void {
  const table = `${harness.schema}.t`;

  describe('cutting a table into chunks', () => {
    it.each(cases)('puts every row into exactly one chunk, and finds it again by its key: $name', async ({ setup = '', columns, key, rows, later }) => {
      await using context = await harness.open(`${setup}; CREATE TABLE t (v varchar(5) DEFAULT 'v', ${columns}, PRIMARY KEY (${key})); INSERT INTO t (${key}) ${rows}`);
      const { db, source } = context;
      const mapping = mappingOf(await describeOne(source, table), new SeededRandom(key).int(90, 140));
      const ranges = await collect(source.planChunks(mapping, running()));
      expect(ranges.length).toBeGreaterThan(5);
      expect(ranges[0]?.from).toBeNull();
      ranges.forEach((range, i) => mayFollow(range, ranges[i + 1]));
      const sizes: number[] = [];
      const before = new Set<string>();
      for (const range of ranges) {
        const read = await readCells(source, mapping, range);
        sizes.push(read.length);
        for (const row of read) before.add(JSON.stringify(row));
      }
      expect(sizes.slice(0, -1).every((size) => size === mapping.chunkRows)).toBe(true);
      expect(sizes.at(-1)).toBeLessThanOrEqual(mapping.chunkRows);
      await db.query(`INSERT INTO t (${key}) ${later}`);
      const rowsNow = await readCells(source, mapping);
      const all = new Set(rowsNow.map((row) => JSON.stringify(row)));
      const seen: string[] = [];
      for (const range of ranges) seen.push(...(await readCells(source, mapping, range)).map((row) => JSON.stringify(row)));
      expect(seen).toHaveLength(all.size);
      expect(new Set(seen)).toEqual(all);
      expect([...before].every((row) => all.has(row))).toBe(true);
      const found = await source.readByKeys(mapping, rowsNow.map((row) => mapping.key.map((index) => row[index] ?? '')));
      expect(found).toHaveLength(all.size);
      expect(new Set(found.map((row) => JSON.stringify(row)))).toEqual(all);
    });

    it('makes one chunk of an empty table, and none of a table of exactly one chunk needs a second row', async () => {
      await using context = await harness.open(`CREATE TABLE e (id int PRIMARY KEY); CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one SELECT i FROM ${harness.numbers(10)}`);
      const { source } = context;
      expect(await collect(source.planChunks(mappingOf(await describeOne(source, `${harness.schema}.e`)), running()))).toEqual([{ from: null, to: null }]);
      const one = await describeOne(source, `${harness.schema}.one`);
      expect(await collect(source.planChunks(mappingOf(one, 10), running()))).toEqual([{ from: null, to: null }]);
      expect(await collect(source.planChunks(mappingOf(one, 9), running()))).toEqual([{ from: null, to: ['10'] }, { from: ['10'], to: null }]);
      expect(await collect(source.planChunks(mappingOf(one, 1), running()))).toHaveLength(10);
    });

    it('stops between two bounds when told to, and refuses chunks of no rows', async () => {
      await using context = await harness.open(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT i FROM ${harness.numbers(100)}`);
      const { source } = context;
      const described = await describeOne(source, table);
      const abort = new AbortController();
      await expect(
        (async () => {
          for await (const _ of source.planChunks(mappingOf(described, 10), abort.signal)) abort.abort(new Error('told to stop'));
        })(),
      ).rejects.toThrow('told to stop');
      await expect(collect(source.planChunks(mappingOf(described, 0), running()))).rejects.toMatchObject({ code: 'CHUNK_ROWS' });
    });
  });
}

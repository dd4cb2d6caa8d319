import { createHmac } from 'node:crypto';
import { decodeRows, type Cell, type KeyRange, type Mask, type TableMapping } from '@elstream/core';
import type { SourceDatabase } from '@elstream/source';
import { collect, describeOne, EVERYTHING, mappingOf, running, type SourceHarness } from './source-tools';

/** The tables of a test, and the mapping made of them. */
function historyTables({ schema, instant }: SourceHarness) {
  const create = (more = ''): string => {
    const columns = `id int NOT NULL, region char(2) NOT NULL, v varchar(50), valid_from ${instant.type} NOT NULL, valid_to ${instant.type} NOT NULL`;
    return `CREATE TABLE t (${columns}${more}, PRIMARY KEY (id, region)); CREATE TABLE t_archive (${columns}${more});`;
  };
  const copied = async (source: SourceDatabase, options: { readonly chunkRows?: number; readonly masks?: Readonly<Record<string, Mask>> } = {}): Promise<TableMapping> => {
    const mapping = mappingOf(await describeOne(source, `${schema}.t`), options.chunkRows, options.masks);
    const period = { from: mapping.columns.findIndex((c) => c.source === 'valid_from'), to: mapping.columns.findIndex((c) => c.source === 'valid_to') };
    return { ...mapping, history: { kind: 'copied', target: { schema: 'copy', name: 't_archive' }, source: { schema, name: 't_archive' }, period } };
  };
  return { tables: create, copied };
}

/** Declares the tests of history tables that a source keeps, however it does. */
export function historyContract(harness: SourceHarness): void {
  readingContract(harness);
  planningContract(harness);
}

function readingContract(harness: SourceHarness): void {
  const { tables, copied } = historyTables(harness);
  const day = (n: number): string => harness.instant.cell(`2024-01-0${String(n)}`);

  describe('reading a history table of the source', () => {
    it('gives versions by key and by range, and tells which of them a delete ended', async () => {
      await using context = await harness.open(`${tables()}
        INSERT INTO t_archive VALUES
          (1, 'eu', 'a', '2024-01-01', '2024-01-02'), (1, 'eu', 'b', '2024-01-02', '2024-01-03'),
          (2, 'eu', 'gone', '2024-01-01', '2024-01-02'), (2, 'eu', 'back', '2024-01-04', '2024-01-05'),
          (3, 'eu', 'one transaction', '2024-01-01', '2024-01-02'), (3, 'eu', 'no length', '2024-01-02', '2024-01-02'),
          (4, 'us', 'of another key', '2024-01-01', '2024-01-02');
        INSERT INTO t VALUES (1, 'eu', 'c', '2024-01-03', '9999-12-31'), (4, 'eu', 'x', '2024-01-02', '9999-12-31'), (2, 'eu', 'x', '2024-01-06', '9999-12-31');`);
      const { source } = context;
      const mapping = await copied(source);
      const all = [
        ['1', 'eu', 'a', day(1), day(2), 'f'],
        ['1', 'eu', 'b', day(2), day(3), 'f'],
        ['2', 'eu', 'back', day(4), day(5), 't'],
        ['2', 'eu', 'gone', day(1), day(2), 't'],
        ['3', 'eu', 'no length', day(2), day(2), 't'],
        ['3', 'eu', 'one transaction', day(1), day(2), 'f'],
        ['4', 'us', 'of another key', day(1), day(2), 't'],
      ];
      expect(await versions(source, mapping)).toEqual(all);
      expect(await versions(source, mapping, { range: { from: ['2', 'eu'], to: ['4', 'eu'] } })).toEqual(all.slice(2, 6));
      expect(await versions(source, mapping, { keys: [['1', 'eu'], ['4', 'us'], ['9', 'eu']] })).toEqual([...all.slice(0, 2), ...all.slice(6)]);
      expect(await versions(source, mapping, { keys: [] })).toEqual([]);
    });

    it('never lets a masked column through in clear', async () => {
      await using context = await harness.open(`${tables(', w varchar(50)')} INSERT INTO t_archive VALUES (1, 'eu', 'clear', '2024-01-01', '2024-01-02', 'clear')`);
      const mapping = await copied(context.source, { masks: { v: { kind: 'hash', secret: 's' }, w: { kind: 'null' } } });
      expect(await versions(context.source, mapping)).toEqual([['1', 'eu', createHmac('sha256', 's').update('clear').digest('hex'), day(1), day(2), null, 't']]);
    });

    it('refuses a mapping without copied history', async () => {
      await using context = await harness.open(tables());
      const { history: _, ...mapping } = await copied(context.source);
      await expect(context.source.readHistory(mapping, { range: EVERYTHING }, running())).rejects.toThrow(RangeError);
      await expect(collect(context.source.planHistory(mapping, running()))).rejects.toThrow(RangeError);
    });
  });
}

function planningContract(harness: SourceHarness): void {
  const { schema, instant } = harness;
  const { tables, copied } = historyTables(harness);

  describe('cutting a history table of the source', () => {
    it.each(['', 'CREATE INDEX by_key ON t_archive (id, region, valid_from);'])('cuts versions into ranges that hold all versions of a key together: index %p', async (index) => {
      await using context = await harness.open(`${tables()} ${index}
        INSERT INTO t_archive SELECT i % 20, 'eu', CAST(i AS varchar(9)), ${instant.at('i')}, ${instant.at('i + 20')} FROM ${harness.numbers(500)}`);
      const { source, db } = context;
      const mapping = await copied(source, { chunkRows: 60 });
      const ranges: KeyRange[] = await collect(source.planHistory(mapping, running()));
      expect(ranges.length).toBeGreaterThan(4);
      expect(ranges[0]?.from).toBeNull();
      ranges.forEach((range, i) => expect(range.to).toEqual(ranges[i + 1]?.from ?? null));
      const keys = new Set<string>();
      let read = 0;
      for (const range of ranges) {
        const rows = await versions(source, mapping, { range });
        const here = new Set(rows.map((row) => row[0] ?? ''));
        here.forEach((key) => expect(keys.has(key)).toBe(false));
        here.forEach((key) => keys.add(key));
        read += rows.length;
      }
      expect(read).toBe(500);
      await db.query('TRUNCATE TABLE t_archive');
      expect(await collect(source.planHistory(mapping, running()))).toEqual([EVERYTHING]);
    });

    it('checks that a history table is there, alike and readable', async () => {
      await using context = await harness.open(tables());
      const { db, source } = context;
      const mapping = await copied(source);
      expect(await source.checkHistory([mapping])).toEqual([]);
      await db.query(`ALTER TABLE t_archive DROP COLUMN v; ${harness.retype('t_archive', 'region', 'char(3)')}`);
      expect(await source.checkHistory([mapping])).toEqual([expect.stringMatching(/column region is char(?:acter)?\(2\) in the table and char(?:acter)?\(3\)/), expect.stringContaining('has no column v; add it')]);
      await db.query('DROP TABLE t_archive');
      const { history: _, ...none } = mapping;
      expect(await source.checkHistory([none, mapping])).toEqual([expect.stringContaining(`${schema}.t_archive is not in the source`)]);
    });
  });
}

async function versions(source: SourceDatabase, mapping: TableMapping, of: Parameters<SourceDatabase['readHistory']>[1] = { range: EVERYTHING }): Promise<Cell[][]> {
  const read = await source.readHistory(mapping, of, running());
  const rows = await collect(decodeRows(read.rows));
  expect(read.count()).toBe(rows.length);
  return rows.sort((a, b) => a.join().localeCompare(b.join()));
}

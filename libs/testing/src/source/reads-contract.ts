import { createHmac } from 'node:crypto';
import { collect, describeOne, EVERYTHING, mappingOf, readCells, running, type SourceHarness } from './source-tools';

/** Declares the tests of reading rows that hold for every product. */
export function readsContract(harness: SourceHarness): void {
  const { schema, quote, numbers } = harness;

  describe('reading rows of a source', () => {
    it('finds composite keys of awkward names and values by key, in more than one statement', async () => {
      const name = 'we.ird "t"';
      await using context = await harness.open(`
        CREATE TABLE ${quote(name)} (${quote('Select')} varchar(20), ${quote('a b')} decimal(10,1), v varchar(20), PRIMARY KEY (${quote('Select')}, ${quote('a b')}));
        INSERT INTO ${quote(name)} SELECT CONCAT('${harness.awkward}', i), i / 10.0, CONCAT('v', i) FROM ${numbers(4500)};`);
      const mapping = mappingOf(await describeOne(context.source, `${schema}.${JSON.stringify(name)}`));
      const rows = await readCells(context.source, mapping);
      expect(rows).toHaveLength(4500);
      const found = await context.source.readByKeys(mapping, rows.map((row) => [row[0] ?? '', row[1] ?? '']));
      expect(new Set(found.map((r) => JSON.stringify(r)))).toEqual(new Set(rows.map((r) => JSON.stringify(r))));
      expect(found).toHaveLength(4500);
      expect(await context.source.readByKeys(mapping, [['nope', '1.0']])).toEqual([]);
      expect(await context.source.readByKeys(mapping, [])).toEqual([]);
    });

    it('never lets a masked column through in clear, in chunks or by key', async () => {
      await using context = await harness.open(`CREATE TABLE t (id int PRIMARY KEY, a varchar(9), b varchar(9)); INSERT INTO t VALUES (1, 'clear', 'cl\\ear'), (2, NULL, NULL)`);
      const { source } = context;
      const table = await describeOne(source, `${schema}.t`);
      const mapping = mappingOf(table, 1000, { a: { kind: 'null' }, b: { kind: 'hash', secret: 's' } });
      const expected = [['1', null, createHmac('sha256', 's').update('cl\\ear').digest('hex')], ['2', null, null]];
      const sorted = (rows: readonly (readonly (string | null)[])[]): unknown => [...rows].sort((a, b) => Number(a[0]) - Number(b[0]));
      expect(sorted(await readCells(source, mapping))).toEqual(expected);
      expect(sorted(await source.readByKeys(mapping, [['1'], ['2']]))).toEqual(expected);
      await expect(source.readChunk(mappingOf(table, 1000, { id: { kind: 'hash', secret: 's' } }), EVERYTHING, running())).rejects.toMatchObject({ code: 'KEY_MASKED' });
    });

    it('gives a connection up when a read is left early or aborted, and goes on with others', async () => {
      await using context = await harness.open(`CREATE TABLE t (id int PRIMARY KEY, a varchar(1000)); INSERT INTO t SELECT i, '${'x'.repeat(1000)}' FROM ${numbers(20000)}`);
      const { source } = context;
      const mapping = mappingOf(await describeOne(source, `${schema}.t`));
      for (let i = 0; i < 5; i += 1) {
        for await (const piece of (await source.readChunk(mapping, EVERYTHING, running())).rows) {
          expect(piece.length).toBeGreaterThan(0);
          break;
        }
        const abort = new AbortController();
        const read = await source.readChunk(mapping, EVERYTHING, abort.signal);
        await expect(
          (async () => {
            for await (const _ of read.rows) abort.abort(new Error('told to stop'));
          })(),
        ).rejects.toThrow('told to stop');
      }
      expect(await readCells(source, mapping)).toHaveLength(20000);
    });

    it('says what is wrong when a column or the table is gone', async () => {
      await using context = await harness.open('CREATE TABLE t (id int PRIMARY KEY, a varchar(9))');
      const { db, source } = context;
      const mapping = mappingOf(await describeOne(source, `${schema}.t`));
      await db.query('ALTER TABLE t DROP COLUMN a');
      await expect(readCells(source, mapping)).rejects.toMatchObject({ recovery: 'stop', message: expect.stringContaining('t.a') as string });
      await db.query('DROP TABLE t');
      await expect(readCells(source, mapping)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
      await expect(collect(source.planChunks(mapping, running()))).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    });
  });
}

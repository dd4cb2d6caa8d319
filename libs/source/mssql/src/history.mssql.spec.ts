import { decodeRows } from '@elstream/core';
import { collect, describeOne, describeWith, EVERYTHING, historyContract, mappingOf, running } from '@elstream/testing';
import { HARNESS, openSource } from './source-fixture.fixture';

historyContract(HARNESS);

describeWith('temporal-tables', 'a system-versioned table', () => {
  it('is read with its hidden period, and its versions from the table the server keeps', async () => {
    await using context = await openSource(`
      CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(9),
        valid_from datetime2(7) GENERATED ALWAYS AS ROW START HIDDEN NOT NULL, valid_to datetime2(7) GENERATED ALWAYS AS ROW END HIDDEN NOT NULL,
        PERIOD FOR SYSTEM_TIME (valid_from, valid_to)) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.t_archive))`);
    const { db, source } = context;
    await db.query(`INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b')`);
    await db.query(`UPDATE t SET v = 'c' WHERE id = 1`);
    await db.query(`DELETE FROM t WHERE id = 2`);
    const table = await describeOne(source, 'dbo.t');
    expect(table).toMatchObject({ problems: [], schema: { key: ['id'], columns: [{ name: 'id' }, { name: 'v' }, { name: 'valid_from', native: 'datetime2(7)' }, { name: 'valid_to' }] } });
    expect((await describeOne(source, 'dbo.t_archive')).problems).toEqual([expect.stringContaining('the history table of dbo.t')]);
    expect((await source.describe({ include: ['dbo.*'], exclude: [], keys: new Map(), excludedColumns: new Map() })).map((found) => found.schema.name)).toEqual(['t']);
    const mapping = { ...mappingOf(table), history: { kind: 'copied', target: { schema: 'w', name: 't_archive' }, source: { schema: 'dbo', name: 't_archive' }, period: { from: 2, to: 3 } } } as const;
    expect(await source.checkHistory([mapping])).toEqual([]);
    const [, other] = [mapping, { ...mapping, history: { ...mapping.history, source: { schema: 'dbo', name: 'other' }, period: { from: 3, to: 2 } } }];
    expect(await source.checkHistory([other])).toEqual([expect.stringContaining('set history.table to dbo.t_archive'), expect.stringContaining('set history.period to [valid_from, valid_to]')]);
    const read = await source.readHistory(mapping, { range: EVERYTHING }, running());
    const rows = (await collect(decodeRows(read.rows))).map((row) => [row[0], row[1], row[4]]).sort();
    expect(rows).toEqual([['1', 'a', 'f'], ['2', 'b', 't']]);
  });
});

import { type TableMapping } from '@elstream/core';
import { historyProblems, systemVersions, type HistoryFacts } from './check-history';
import { type CatalogColumn, type CatalogTable } from './tables-sql';

const column = (name: string, rest: Partial<CatalogColumn> = {}): CatalogColumn => ({
  table: '1', name, base: 'int', maxLength: 4, precision: 10, scale: 0, collation: null, nullable: true, computed: false, columnSet: false, generated: 0, masked: false, encrypted: false, readable: true, ...rest,
});
const COLUMNS = ['id', 'valid_from', 'valid_to'].map((name) => column(name));
const VERSIONS = { id: '2', schema: 'dbo', name: 't_archive', kind: 'U', temporal: 1 } as CatalogTable;
const history: NonNullable<TableMapping['history']> = { kind: 'copied', target: { schema: 'w', name: 't_archive' }, source: { schema: 'dbo', name: 't_archive' }, period: { from: 1, to: 2 } };
const MAPPING: TableMapping = {
  id: 'dbo.t', source: { schema: 'dbo', name: 't' }, target: { schema: 'w', name: 't' }, key: [0], chunkRows: 1,
  columns: COLUMNS.map(({ name }) => ({ source: name, target: name, type: { kind: 'integer', bits: 32 }, targetType: 'int', nullable: true, mask: null })),
  history,
};
const KEPT = { history: { schema: 'dbo', name: 't_archive' }, from: 'valid_from', to: 'valid_to' };
const FIT: HistoryFacts = { mapping: MAPPING, versions: VERSIONS, kept: KEPT, rowColumns: COLUMNS, columns: COLUMNS, user: 'app' };

describe('the check of a history table to be copied', () => {
  it.each<[string, Partial<HistoryFacts>, readonly string[]]>([
    ['nothing is wrong with the one the server keeps', {}, []],
    ['one that the application keeps will do', { kept: null }, []],
    ['it must be named', { mapping: { ...MAPPING, history: { ...history, source: null } } }, ['no history table is named']],
    ['its period must be named', { mapping: { ...MAPPING, history: { ...history, period: null } } }, ['no period columns are named']],
    ['it must be the one the server keeps', { kept: { ...KEPT, history: { schema: 'dbo', name: 'MSSQL_TemporalHistoryFor_7' } } }, ['set history.table to dbo.MSSQL_TemporalHistoryFor_7']],
    ['its period must be the one the server keeps', { kept: { ...KEPT, from: 'SysStart' } }, ['set history.period to [SysStart, valid_to]']],
    ['it must be there', { kept: null, versions: undefined }, ['GRANT SELECT ON [dbo].[t_archive] TO [app]']],
    ['it must be a table', { kept: null, versions: { ...VERSIONS, kind: 'V' } }, ['is no table']],
    ['it must be readable', { columns: COLUMNS.map((c) => ({ ...c, readable: false })) }, ['may not read its history table']],
    ['it must have the columns, of the same types', { columns: [column('id', { base: 'bigint' }), column('valid_from')] }, ['column id is int in the table and bigint', 'has no column valid_to']],
  ])('%s', (_what, facts, problems) => {
    expect(historyProblems({ ...FIT, ...facts })).toEqual(problems.map((part) => expect.stringContaining(part) as unknown));
  });
});

describe('the versions that the server keeps', () => {
  const period = [column('id'), column('a', { generated: 1 }), column('b', { generated: 2 })];
  const table = { id: '1', schema: 'dbo', name: 't', kind: 'U', temporal: 2, historySchema: 'h', historyName: 't_h' } as CatalogTable;

  it('are found by the catalog, bounded by the columns it generates', () => {
    expect(systemVersions(table, period)).toEqual({ history: { schema: 'h', name: 't_h' }, from: 'a', to: 'b' });
  });

  it.each([[undefined], [{ ...table, temporal: 0 }], [{ ...table, historyName: null }]])('are none of %j', (other) => {
    expect(systemVersions(other, period)).toBeNull();
  });
});

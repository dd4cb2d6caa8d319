import { type TableSelection } from '@elstream/source';
import { type UniqueIndex } from './catalog';
import { describeTable, type Catalog } from './describe';
import { type CatalogColumn, type CatalogTable, type LoginFacts } from './tables-sql';

const TABLE: CatalogTable = {
  id: '7', schema: 'dbo', name: "o'rders", kind: 'U', temporal: 0, historySchema: null, historyName: null, versionsOf: null,
  memoryOptimized: false, external: false, fileTable: false, graph: false, columnstore: false, captured: true, estimatedRows: '12',
};
const LOGIN: LoginFacts = { login: 'app', user: 'ap]p', unmask: true, owner: false, policies: true };
const column = (name: string, rest: Partial<CatalogColumn> = {}): CatalogColumn => ({
  table: '7', name, base: 'int', maxLength: 4, precision: 10, scale: 0, collation: null, nullable: false, computed: false, columnSet: false, generated: 0, masked: false, encrypted: false, readable: true, ...rest,
});
const PRIMARY: UniqueIndex = { primary: true, columns: ['id'] };

interface Given {
  readonly table?: Partial<CatalogTable>;
  readonly columns?: readonly CatalogColumn[];
  readonly indexes?: readonly UniqueIndex[];
  readonly login?: Partial<LoginFacts>;
  readonly policy?: string;
  readonly capture?: boolean;
  readonly selection?: Partial<TableSelection>;
}

const ID = `dbo."o'rders"`;

function described({ table, columns = [column('id'), column('v', { nullable: true })], indexes = [PRIMARY], login, policy, capture = true, selection }: Given) {
  const catalog: Catalog = { login: { ...LOGIN, ...login }, columns: new Map([['7', columns]]), indexes: new Map([['7', indexes]]), rowFilters: new Map(policy === undefined ? [] : [['7', policy]]), capture };
  return describeTable(catalog, { table: { ...TABLE, ...table } }, { include: [], exclude: [], keys: new Map(), excludedColumns: new Map(), ...selection });
}

const containing = (parts: readonly string[]): unknown[] => parts.map((part) => expect.stringContaining(part) as unknown);

describe('describing a table of a SQL Server source', () => {
  it('gives its columns, key and about how many rows', () => {
    expect(described({ columns: [column('id'), column('Ö]', { base: 'nvarchar', maxLength: 40, collation: 'Latin1_General_CI_AS', nullable: true })] })).toEqual({
      schema: {
        schema: 'dbo',
        name: "o'rders",
        columns: [
          { name: 'id', type: { kind: 'integer', bits: 32 }, native: 'int', portable: 'int', nullable: false },
          { name: 'Ö]', type: { kind: 'text', maxLength: 20, padded: false }, native: 'nvarchar(20)', portable: 'nvarchar(20)', nullable: true },
        ],
        key: ['id'],
      },
      estimatedRows: 12,
      problems: [],
    });
  });

  it.each<[string, Partial<CatalogTable>, string]>([
    ['a view', { kind: 'V' }, 'it is a view'],
    ['an external table', { external: true }, 'external table'],
    ['a history table', { temporal: 1, versionsOf: 'dbo.orders' }, 'the history table of dbo.orders'],
    ['a memory-optimized table', { memoryOptimized: true }, 'memory-optimized'],
    ['a FileTable', { fileTable: true }, 'FileTable'],
    ['a graph table', { graph: true }, 'node or edge table'],
    ['a table in a clustered columnstore', { columnstore: true }, 'clustered columnstore index'],
  ])('refuses %s', (_what, table, problem) => {
    const found = described({ table });
    expect(found.problems).toEqual([expect.stringContaining(problem)]);
    expect(found.schema.key).toEqual([]);
  });

  it('refuses a ledger table, and takes a system-versioned one with its hidden period', () => {
    expect(described({ columns: [column('id'), column('ledger_start', { generated: 7 })] }).problems).toEqual(containing(['ledger table']));
    const period = [1, 2].map((generated) => column(generated === 1 ? 'valid_from' : 'valid_to', { base: 'datetime2', scale: 7, generated }));
    expect(described({ table: { temporal: 2 }, columns: [column('id'), ...period] })).toMatchObject({ problems: [], schema: { columns: [{ name: 'id' }, { name: 'valid_from', native: 'datetime2(7)' }, { name: 'valid_to' }] } });
  });

  it('asks for capture with the statement that turns it on, unless none is wanted or the login may turn it on itself', () => {
    const uncaptured = { captured: false };
    expect(described({ table: uncaptured }).problems).toEqual([`${ID}: its changes are not captured; run EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'o''rders', @role_name = NULL, @supports_net_changes = 0`]);
    expect(described({ table: uncaptured, capture: false }).problems).toEqual([]);
    expect(described({ table: uncaptured, login: { owner: true } }).problems).toEqual([]);
  });

  it('says which rights are missing, all at once', () => {
    const columns = [column('id'), column('a', { readable: false }), column('b', { masked: true })];
    expect(described({ columns, login: { unmask: false }, policy: 'sec.rows' }).problems).toEqual(containing(["column a; run GRANT SELECT ON [dbo].[o'rders] TO [ap]]p]", 'masked values of column b; run GRANT UNMASK TO [ap]]p]', 'security policy sec.rows may hide rows']));
    expect(described({ columns: columns.map((c) => ({ ...c, readable: false, masked: false })) }).problems).toEqual(containing(['may not read it; run GRANT SELECT']));
    expect(described({ columns, selection: { excludedColumns: new Map([[ID, ['a', 'b']]]) }, login: { unmask: false } }).problems).toEqual([]);
  });

  it('refuses columns that cannot be carried, unless they are excluded', () => {
    const columns = [column('id'), column('v', { base: 'sql_variant' }), column('e', { encrypted: true }), column('s', { base: 'xml', columnSet: true })];
    expect(described({ columns }).problems).toEqual(containing(['column v of type sql_variant cannot be carried', 'column e is encrypted by its clients', 'column s is a column set']));
    expect(described({ columns, selection: { excludedColumns: new Map([[ID, ['v', 'e', 's']]]) } }).problems).toEqual([]);
  });

  it('leaves computed columns out, and refuses one in the key', () => {
    const computed = column('c', { computed: true });
    expect(described({ columns: [column('id'), computed] })).toMatchObject({ problems: [], schema: { columns: [{ name: 'id' }] } });
    expect(described({ columns: [column('id'), computed], indexes: [{ primary: true, columns: ['id', 'c'] }] }).problems).toEqual(containing(['column c of the key is computed']));
  });
});

describe('the key of a table of a SQL Server source', () => {
  const columns = [column('a'), column('b'), column('n', { nullable: true }), column('f', { base: 'float' })];
  const unique = (...names: string[]): UniqueIndex => ({ primary: false, columns: names });

  it.each<[string, readonly UniqueIndex[], readonly string[]]>([
    ['the primary key', [{ primary: true, columns: ['b', 'a'] }, unique('a')], ['b', 'a']],
    ['else the first unique index that is never NULL', [unique('n'), unique('b'), unique('a', 'b')], ['b']],
  ])('is %s', (_what, indexes, key) => {
    expect(described({ columns, indexes })).toMatchObject({ problems: [], schema: { key } });
  });

  it.each<[string, readonly UniqueIndex[], readonly string[] | undefined, string]>([
    ['nothing is unique', [unique('n')], undefined, 'neither a primary key nor a unique index'],
    ['a float is looked up', [unique('f')], undefined, 'column f of the key is float'],
    ['the configured key names no column', [PRIMARY], ['x'], 'names column x'],
    ['the configured key may be NULL', [unique('n')], ['n'], 'column n of the configured key may be NULL'],
    ['the configured key is not unique', [unique('a', 'b')], ['a'], 'no unique index has exactly'],
  ])('is refused where %s', (_what, indexes, configured, problem) => {
    const selection = configured === undefined ? {} : { keys: new Map([[ID, configured]]) };
    expect(described({ columns, indexes, selection }).problems).toEqual(containing([problem]));
  });

  it('is the configured one in the order of its index, and may not be excluded', () => {
    const keys = new Map([[ID, ['b', 'a']]]);
    expect(described({ columns, indexes: [unique('a', 'b')], selection: { keys } })).toMatchObject({ problems: [], schema: { key: ['a', 'b'] } });
    expect(described({ columns, indexes: [unique('a', 'b'), unique('b', 'a')], selection: { keys } }).schema.key).toEqual(['b', 'a']);
    expect(described({ columns, indexes: [unique('a')], selection: { excludedColumns: new Map([[ID, ['a']]]) } }).problems).toEqual(containing(['cannot be excluded']));
  });
});

import { tableId, type ColumnSchema, type ColumnType, type TableSchema } from '@elstream/core';
import { stringify } from 'yaml';
import { loadPipelineText, mapTables, stripSecrets, tableSelection, withSecrets, type PipelineConfig } from './index';

const SECRET = '0123456789abcdef';
const kinds: Record<string, ColumnType> = {
  integer: { kind: 'integer', bits: 32 },
  numeric: { kind: 'decimal', precision: null, scale: null },
  text: { kind: 'text', maxLength: null, padded: false },
};
const column = (name: string, native = 'text', nullable = true): ColumnSchema => ({ name, type: kinds[native] ?? { kind: 'other' }, native, portable: native === 'mood' ? 'text' : native, nullable });
const table = (name: string, columns: ColumnSchema[] = [column('email')], schema = 'public'): TableSchema => ({ schema, name, columns: [column('id', 'integer', false), ...columns], key: ['id'] });

function config(settings: object[] = [], part: object = {}): PipelineConfig {
  return loadPipelineText(
    stringify({ name: 'shop', source: { url: 'postgres://a/s' }, warehouse: { url: 'postgres://b/w' }, tables: { include: ['*'], settings }, defaults: { chunkRows: 1000 }, ...part }),
    {},
  ).config;
}

const map = (settings: object[], tables: TableSchema[], part: object = {}) => mapTables(config(settings, part), tables.map((schema) => ({ schema })));

describe('mapTables', () => {
  it('takes a table without settings as it is, in the column types that hold it without loss', () => {
    const { mappings, problems } = map([], [table('customers', [column('mood', 'mood'), column('credit', 'numeric', false)])]);
    expect(problems).toEqual([]);
    expect(mappings).toEqual([
      {
        id: 'public.customers',
        source: { schema: 'public', name: 'customers' },
        target: { schema: 'public', name: 'customers' },
        columns: [
          { source: 'id', target: 'id', type: kinds['integer'], native: 'integer', targetType: 'integer', nullable: false, mask: null },
          { source: 'mood', target: 'mood', type: { kind: 'other' }, native: 'mood', targetType: 'text', nullable: true, mask: null },
          { source: 'credit', target: 'credit', type: kinds['numeric'], native: 'numeric', targetType: 'numeric', nullable: false, mask: null },
        ],
        key: [0],
        chunkRows: 1000,
      },
    ]);
  });

  it('applies target, key, chunk size, and what columns are left out, renamed, masked or given a type', () => {
    const columns = [column('a'), column('b', 'numeric', false), column('c', 'numeric', false), column('d', 'numeric'), column('e')];
    const setting = {
      match: 'public.t',
      key: ['e', 'id'],
      target: { schema: 'dw', name: 'T' },
      chunkRows: 200,
      columns: { exclude: ['a'], rename: { e: 'E', d: 'a' }, mask: { b: null, c: { hash: SECRET } }, type: { d: 'numeric(20,4)' } },
    };
    const { mappings, problems } = map([setting], [table('t', columns)]);
    expect(problems).toEqual([]);
    expect(mappings[0]).toMatchObject({ target: { schema: 'dw', name: 'T' }, key: [4, 0], chunkRows: 200 });
    expect(mappings[0]?.columns.slice(1)).toEqual([
      { source: 'b', target: 'b', type: kinds['numeric'], native: 'numeric', targetType: 'numeric', nullable: true, mask: { kind: 'null' } },
      { source: 'c', target: 'c', type: kinds['text'], native: 'numeric', targetType: 'text', nullable: false, mask: { kind: 'hash', secret: SECRET } },
      { source: 'd', target: 'a', type: kinds['numeric'], native: 'numeric', targetType: 'numeric(20,4)', nullable: true, mask: null },
      { source: 'e', target: 'E', type: kinds['text'], native: 'text', targetType: 'text', nullable: true, mask: null },
    ]);
  });

  it('adds settings of patterns and of the exact name up, so that a mask of a pattern does not fall away', () => {
    const settings = [
      { match: 'public.a', chunkRows: 300 },
      { match: '*', chunkRows: 200, target: { schema: 'dw' }, columns: { mask: { email: null } } },
    ];
    const { mappings, problems } = map(settings, [table('a'), table('b'), table('c', [column('x')])]);
    expect(problems).toEqual([]);
    expect(mappings.map((m) => [m.id, m.target.schema, m.chunkRows, m.columns[1]?.mask])).toEqual([
      ['public.a', 'dw', 300, { kind: 'null' }],
      ['public.b', 'dw', 200, { kind: 'null' }],
      ['public.c', 'dw', 200, null],
    ]);
  });

  it('writes into warehouse.schema unless the table says otherwise', () => {
    const { mappings } = map([{ match: 'public.b', target: { schema: 'y' } }], [table('a'), table('b')], { warehouse: { url: 'postgres://b/w', schema: 'x' } });
    expect(mappings.map((m) => m.target.schema)).toEqual(['x', 'y']);
  });

  const one = [table('t')];
  const keyless = { ...table('t'), key: [] };
  it.each<[string, object[], TableSchema[], string]>([
    ['a setting that matches no table', [{ match: 'public.x*' }], one, 'tables.settings[0] (public.x*) matches no table of the pipeline'],
    ['an unknown column left out', [{ match: 'public.t', columns: { exclude: ['x'] } }], one, 'columns.exclude names x, a column that table public.t does not have'],
    ['an unknown column masked', [{ match: 'public.t', columns: { mask: { x: null } } }], one, 'columns.mask names x'],
    ['an unknown column renamed', [{ match: 'public.t', columns: { rename: { x: 'y' } } }], one, 'columns.rename names x'],
    ['an unknown column with a type', [{ match: 'public.*', columns: { type: { x: 'text' } } }], [table('t'), table('u')], 'columns.type names x, a column that no table it matches has'],
    ['an unknown key column', [{ match: 'public.t', key: ['x'] }], one, 'table public.t has no column x, which tables.settings[].key names'],
    ['no usable key', [], [keyless], 'table public.t has no usable key; give it a primary key, or name unique columns'],
    ['a masked key', [{ match: 'public.t', columns: { mask: { id: null } } }], one, 'column id of table public.t belongs to its key and cannot be masked'],
    ['a key left out', [{ match: 'public.*', columns: { exclude: ['id'] } }], one, 'column id of table public.t belongs to its key and cannot be left out'],
    ['a key of another type', [{ match: 'public.*', columns: { type: { id: 'text' } } }], one, 'column id of table public.t belongs to its key and keeps its type'],
    ['a rename onto another column', [{ match: 'public.t', columns: { rename: { email: 'id' } } }], one, 'columns id and email of table public.t would both be called id'],
    ['a rename onto our own columns', [{ match: 'public.t', columns: { rename: { email: '__elstream_x' } } }], one, "would be called __elstream_x, a name kept for elstream's own columns"],
    ['our own schema as target', [{ match: 'public.t', target: { schema: 'elstream' } }], one, 'target schema of table public.t is elstream'],
    ['two tables of one name', [], [table('t', [], 'a'), table('t', [], 'b')], 'tables a.t and b.t would both be written to dw.t'],
    ['a mask and an exclusion from two settings', [{ match: '*', columns: { exclude: ['email'] } }, { match: 'public.t', columns: { mask: { email: null } } }], one, 'column email of table public.t is left out by one of tables.settings, while another has columns.mask.email'],
    ['a hash and a type from two settings', [{ match: '*', columns: { mask: { email: { hash: SECRET } } } }, { match: 'public.t', columns: { type: { email: 'bytea' } } }], one, 'column email of table public.t is masked by a hash, which is text'],
    ['a name too long', [], [table('t', [column('ü'.repeat(32))])], 'is longer than 63 bytes'],
  ])('refuses %s by name', (_name, settings, tables, message) => {
    const { problems } = map(settings, tables, { warehouse: { url: 'postgres://b/w', schema: 'dw' } });
    expect(problems.join('\n')).toContain(message);
  });

  it('passes on what the source says of a table and maps the others all the same', () => {
    const { mappings, problems } = mapTables(config(), [{ schema: table('a'), problems: ['table public.a is odd'] }, { schema: table('b') }]);
    expect(problems).toEqual(['table public.a is odd']);
    expect(mappings.map((m) => m.id)).toEqual(['public.b']);
  });

  it('refuses to write a table over a source table of the same database', () => {
    const part = { warehouse: { url: 'postgres://a/s', schema: 'copy' } };
    expect(map([], [table('t'), table('t', [], 'copy')], part).problems.join('\n')).toContain('table public.t would be written to copy.t, which is a source table');
    expect(map([], [table('t')], part).problems).toEqual([]);
  });
});

describe('tableSelection', () => {
  it('spells exact names as table ids', () => {
    const tables = { include: ['"public"."c"', '"public"."a.b"', 'x.*'], exclude: ['x."y"'] };
    expect(tableSelection(config([], { tables }))).toMatchObject({ include: ['public.c', 'public."a.b"', 'x.*'], exclude: ['x.y'] });
  });

  it('gives keys and excluded columns by table id, as far as they are of exact names', () => {
    const settings = [
      { match: 'public."a.b"', key: ['x'] },
      { match: 'public.c', columns: { exclude: ['odd'] } },
      { match: 'public.*', columns: { exclude: ['note'] } },
    ];
    const selection = tableSelection(config(settings));
    expect(selection.include).toEqual(['*']);
    expect([...selection.keys]).toEqual([[tableId({ schema: 'public', name: 'a.b' }), ['x']]]);
    expect([...selection.excludedColumns]).toEqual([['public.c', ['odd']]]);
  });
});

describe('mask secrets', () => {
  const masked = config([{ match: 'public.t', columns: { mask: { email: { hash: SECRET } } } }]);
  const mapping = mapTables(masked, [{ schema: table('t') }]).mappings[0]!;

  it('are taken out before a mapping is stored, and put back in after', () => {
    const stored = stripSecrets(mapping);
    expect(JSON.stringify(stored)).not.toContain(SECRET);
    expect(withSecrets(JSON.parse(JSON.stringify(stored)), masked)).toEqual(mapping);
  });

  it.each([
    ['not at all', config()],
    ['by NULL', config([{ match: 'public.t', columns: { mask: { email: null } } }])],
  ])('are not guessed for a column that the file masks %s by now', (_name, now) => {
    expect(() => withSecrets(stripSecrets(mapping), now)).toThrow('column email is stored as a keyed hash, but the pipeline file no longer masks it so');
  });
});

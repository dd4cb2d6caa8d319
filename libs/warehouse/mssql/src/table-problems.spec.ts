import type { ColumnType, TableMapping } from '@elstream/core';
import { RELATION_SQL } from './catalog';
import { FakeSession } from './session.fixture';
import { CODE_PAGES_SQL, OBJECT_SQL, PRIMARY_KEY_SQL, targetProblems } from './table-problems';
import { buildTarget, EPOCH_COLUMN, POSITION_COLUMN, type Target } from './target';

const TEXT: ColumnType = { kind: 'text', maxLength: 20, padded: false };

function targetOf(type: ColumnType, targetType: string): Target {
  const column = (name: string, of: ColumnType, to: string) => ({ source: name, target: name, type: of, targetType: to, nullable: true, mask: null });
  const mapping: TableMapping = { id: 'dbo.item', source: { schema: 'dbo', name: 'item' }, target: { schema: 'dbo', name: 'item' }, columns: [column('id', { kind: 'integer', bits: 32 }, 'int'), column('note', type, targetType)], key: [0], chunkRows: 1 };
  return buildTarget('shop', mapping);
}

/** A table of ours that stands, whose column `note` has a collation. */
function standing(type: string, pages: { readonly page: number | null; readonly database: number }): FakeSession {
  const [, name = type, bytes = '4'] = /^(\w+)\((\w+)\)/.exec(type) ?? [];
  const length = bytes === 'max' ? -1 : name.startsWith('n') ? 2 * Number(bytes) : Number(bytes);
  const column = (of: string, as: string, size: number) => ({ name: of, type: as, bytes: size, precision: 0, scale: 0, nullable: true, identity: false, computed: false, generated: 0, default_id: 0 });
  const columns = [column('id', 'int', 4), { ...column('note', name, length), collation: 'Cyrillic_General_CI_AS' }, column(EPOCH_COLUMN, 'int', 4), column(POSITION_COLUMN, 'varbinary', 16)];
  return new FakeSession((statement) => {
    if (statement === OBJECT_SQL) return [[{ id: 1, kind: 'U' }]];
    if (statement === RELATION_SQL) return [[{ id: 1, columns: JSON.stringify(columns) }]];
    if (statement === PRIMARY_KEY_SQL) return [[{ constraint: 'PK', name: 'id' }]];
    if (statement === CODE_PAGES_SQL) return [[{ name: 'note', collation: 'Cyrillic_General_CI_AS', ...pages }]];
    return [[]];
  });
}

describe('a table that stands, with a column of text that is not Unicode', () => {
  it.each<[string, string, { page: number | null; database: number }]>([
    ['another code page than the database', 'varchar(20)', { page: 1251, database: 1252 }],
    ['a code page in a database of UTF-8', 'char(20)', { page: 1251, database: 65_001 }],
    ['no code page that is known', 'varchar(max)', { page: null, database: 1252 }],
  ])('is refused if it has %s: characters would be lost without a word', async (_what, type, pages) => {
    expect(await targetProblems(standing(type, pages), targetOf(TEXT, type))).toEqual([expect.stringMatching(/^\[dbo\]\.\[item\] in the warehouse: column note is \w+\(\w+\) of the collation Cyrillic_General_CI_AS.*alter it to nvarchar.*_UTF8$/)]);
  });

  it.each<[string, ColumnType, string, { page: number; database: number }]>([
    ['the database’s code page, to which texts are held', TEXT, 'varchar(20)', { page: 1252, database: 1252 }],
    ['all of Unicode', TEXT, 'varchar(20)', { page: 65_001, database: 1252 }],
    ['numbers', { kind: 'integer', bits: 64 }, 'varchar(20)', { page: 1251, database: 1252 }],
    ['uuids', { kind: 'uuid' }, 'varchar(36)', { page: 1251, database: 1252 }],
    ['nvarchar', TEXT, 'nvarchar(20)', { page: 1251, database: 1252 }],
  ])('is taken if it holds %s', async (_what, kind, type, pages) => {
    expect(await targetProblems(standing(type, pages), targetOf(kind, type))).toEqual([]);
  });
});

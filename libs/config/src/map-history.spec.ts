import type { ColumnSchema, ColumnType, TableSchema } from '@elstream/core';
import { stringify } from 'yaml';
import { loadPipelineText, mapTables, stripSecrets, withSecrets } from './index';

const kinds: Record<string, ColumnType> = { integer: { kind: 'integer', bits: 32 }, timestamptz: { kind: 'timestamp', zone: true }, text: { kind: 'text', maxLength: null, padded: false } };
const column = (name: string, native = 'text'): ColumnSchema => ({ name, type: kinds[native] ?? { kind: 'other' }, native, portable: native, nullable: name !== 'id' });
const period = [column('valid_from', 'timestamptz'), column('valid_to', 'timestamptz')];
const table = (name: string, columns: ColumnSchema[] = []): TableSchema => ({ schema: 'public', name, columns: [column('id', 'integer'), ...columns], key: ['id'] });

function map(settings: object[], tables: TableSchema[], warehouse: object = { url: 'postgres://b/w' }) {
  const text = stringify({ name: 'shop', source: { url: 'postgres://a/s' }, warehouse, tables: { include: ['*'], settings } });
  const { config } = loadPipelineText(text, {});
  return { ...mapTables(config, tables.map((schema) => ({ schema }))), config };
}

describe('history in mapTables', () => {
  it.each<[string, unknown, TableSchema, unknown]>([
    ['derived, by commit times', 'derived', table('t'), { kind: 'derived', target: { schema: 'public', name: 't_archive' }, source: null, period: null }],
    ['copied, from the table beside it', 'copied', table('t', period), { kind: 'copied', target: { schema: 'public', name: 't_archive' }, source: { schema: 'public', name: 't_archive' }, period: { from: 1, to: 2 } }],
    ['derived, by the period of the source', { kind: 'derived', period: ['valid_from', 'valid_to'] }, table('t', period), { kind: 'derived', target: { schema: 'public', name: 't_archive' }, source: null, period: { from: 1, to: 2 } }],
    [
      'copied, from and to where the file says',
      { kind: 'copied', table: 'old."t.1"', target: { schema: 'h', name: 'versions' }, period: ['ended', 'begun'] },
      table('t', [column('begun', 'timestamptz'), column('ended', 'timestamptz')]),
      { kind: 'copied', target: { schema: 'h', name: 'versions' }, source: { schema: 'old', name: 't.1' }, period: { from: 2, to: 1 } },
    ],
  ])('is kept %s', (_name, history, schema, expected) => {
    const { mappings, problems } = map([{ match: 'public.t', history }], [schema]);
    expect(problems).toEqual([]);
    expect(mappings[0]?.history).toEqual(expected);
  });

  it('is not kept by default, nor where an exact name takes it back from a pattern', () => {
    const { mappings } = map([{ match: '*', history: 'derived' }, { match: 'public.b', history: 'none' }], [table('a'), table('b')]);
    expect(mappings.map((m) => m.history?.target.name)).toEqual(['a_archive', undefined]);
    expect(map([], [table('a')]).mappings[0]).not.toHaveProperty('history');
  });

  it('follows renamed tables and columns', () => {
    const setting = { match: 'public.t', target: { schema: 'dw', name: 'T' }, history: 'copied', columns: { rename: { valid_from: 'begun' } } };
    expect(map([setting], [table('t', period)]).mappings[0]?.history).toMatchObject({ target: { schema: 'dw', name: 'T_archive' }, source: { schema: 'public', name: 't_archive' }, period: { from: 1, to: 2 } });
  });

  it('and why a table is halted survive being stored without secrets', () => {
    const { mappings, config } = map([{ match: 'public.t', history: 'copied' }], [table('t', period)]);
    const mapping = { ...mappings[0]!, halted: 'its key changed' };
    expect(withSecrets(JSON.parse(JSON.stringify(stripSecrets(mapping))), config)).toEqual(mapping);
  });

  it.each<[string, object[], TableSchema[], string]>([
    ['copied history of a table without period', [{ match: '*', history: 'copied' }], [table('t')], 'table public.t has no column valid_from (or leaves it out), which bounds the period of its history; copied history takes its period from the columns valid_from and valid_to; name others by history.period'],
    ['a period column left out by another setting', [{ match: '*', columns: { exclude: ['valid_to'] } }, { match: 'public.t', history: 'copied' }], [table('t', period)], 'table public.t has no column valid_to (or leaves it out)'],
    ['a period column masked by another setting', [{ match: '*', columns: { mask: { valid_to: null } } }, { match: 'public.t', history: 'copied' }], [table('t', period)], 'column valid_to of table public.t bounds the period of its history and cannot be masked'],
    ['a period column that no table has', [{ match: '*', history: { kind: 'derived', period: ['valid_from', 'x'] } }], [table('t', period)], 'tables.settings[0] (*) history.period names x, a column that table public.t does not have'],
    ['a period of text', [{ match: '*', history: 'copied' }], [table('t', [column('valid_from'), column('valid_to')])], 'column valid_from of table public.t bounds the period of its history, but is neither a timestamp nor a date (text)'],
    ['a column called like one of the history table', [{ match: '*', history: 'derived' }], [table('t', [column('deleted')])], 'column deleted of table public.t would be called deleted, a name its history table keeps for itself; rename it by columns.rename'],
    ['a period column that is not declared', [{ match: '*', history: 'derived' }], [table('t', period)], 'column valid_from of table public.t would be called valid_from, a name its history table keeps for itself; rename it by columns.rename, or name it by history.period'],
    ['a rename onto a column of the history table', [{ match: '*', history: 'derived', columns: { rename: { a: 'valid_to' } } }], [table('t', [column('a')])], 'column a of table public.t would be called valid_to'],
    ['a history table that is the target of another table', [{ match: 'public.t', history: 'derived' }], [table('t'), table('t_archive')], 'history of table public.t and table public.t_archive would both be written to dw.t_archive'],
    ['two histories in one table', [{ match: '*', history: 'derived' }, { match: 'public.u', history: { kind: 'derived', target: { name: 't_archive' } } }], [table('t'), table('u')], 'history of table public.t and history of table public.u would both be written to dw.t_archive'],
    ['a history table in our own schema', [{ match: '*', history: { kind: 'derived', target: { schema: 'elstream' } } }], [table('t')], 'history of table public.t would be kept in schema elstream'],
    ['a history table whose name is too long', [{ match: '*', history: 'derived' }], [table('t'.repeat(56))], `history table '${'t'.repeat(56)}_archive' of table public.${'t'.repeat(56)} is longer than 63 bytes, the most the warehouse takes; shorten it by history.target.name`],
    ['a table whose function would have too long a name', [{ match: `public.${'t'.repeat(60)}`, history: { kind: 'derived', target: { name: 'h' } } }], [table('t'.repeat(60))], `history function '${'t'.repeat(60)}_as_of'`],
  ])('refuses %s by name', (_name, settings, tables, message) => {
    expect(map(settings, tables, { url: 'postgres://b/w', schema: 'dw' }).problems.join('\n')).toContain(message);
  });

  it('is not written over the history table it is copied from', () => {
    const setting = { match: 'public.t', target: { schema: 'copy' }, history: { kind: 'copied', target: { schema: 'public' } } };
    expect(map([setting], [table('t', period)], { url: 'postgres://a/s', schema: 'copy' }).problems.join('\n')).toContain('history of table public.t would be written to public.t_archive, which is a source table of the pipeline');
  });
});

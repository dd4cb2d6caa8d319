import type { Run } from '@elstream/control';
import { ElstreamError, type ColumnType, type TableMapping } from '@elstream/core';
import type { SourceDatabase, SourceTable, TableSelection } from '@elstream/source';
import { describeExisting, isSelected } from './described';
import { ADDED_RETRY_MS, addedRunDue } from './load-run';
import { judgeSchema } from './schema-verdict';

const int = (bits: 32 | 64): ColumnType => ({ kind: 'integer', bits });
const TYPES: Readonly<Record<string, ColumnType>> = { int: int(32), bigint: int(64), text: { kind: 'text', maxLength: null, padded: false }, date: { kind: 'date' } };

/** Columns as `name:type`. */
function mapping(columns: readonly string[], key: readonly string[] = ['id'], more: Partial<TableMapping> = {}): TableMapping {
  const parsed = columns.map((c) => c.split(':') as [string, string]);
  return {
    id: 'public.t',
    source: { schema: 'public', name: 't' },
    target: { schema: 'public', name: 't' },
    columns: parsed.map(([name, type]) => ({ source: name, target: name, type: TYPES[type] ?? { kind: 'other' }, targetType: type, nullable: true, mask: null })),
    key: key.map((name) => parsed.findIndex(([n]) => n === name)),
    chunkRows: 100,
    ...more,
  };
}

/** The source's table; `mapped` is what the configuration makes of it. */
function verdict(before: TableMapping, mapped: TableMapping | null, { problems = [], key = ['id'], columns }: { problems?: readonly string[]; key?: readonly string[]; columns?: readonly string[] } = {}) {
  const names = columns ?? (mapped ?? before).columns.map((c) => c.source);
  const table: SourceTable = { schema: { schema: 'public', name: 't', columns: names.map((name) => ({ name, type: int(32), native: 'int', portable: 'int', nullable: true })), key }, estimatedRows: null, problems };
  return judgeSchema(before, table, () => ({ mappings: mapped === null ? [] : [mapped], problems: mapped === null ? ['table public.t has no usable key'] : [] }));
}

const before = mapping(['id:int', 'a:int', 'b:text']);

describe('a table’s schema', () => {
  it.each<[string, ReturnType<typeof verdict>, unknown]>([
    ['unchanged asks for nothing', verdict(before, before), { do: 'nothing' }],
    ['with a new column is followed', verdict(before, mapping(['id:int', 'a:int', 'b:text', 'c:date'])), { do: 'follow', to: mapping(['id:int', 'a:int', 'b:text', 'c:date']) }],
    ['with a new column in front is followed at the end', verdict(before, mapping(['c:date', 'id:int', 'a:int', 'b:text'])), { do: 'follow', to: mapping(['id:int', 'a:int', 'b:text', 'c:date']) }],
    ['with a wider column is followed', verdict(before, mapping(['id:int', 'a:bigint', 'b:text'])), { do: 'follow', to: mapping(['id:int', 'a:bigint', 'b:text']) }],
    ['with a column less is followed, its key found again', verdict(mapping(['a:int', 'id:int']), mapping(['id:int'])), { do: 'follow', to: mapping(['id:int']) }],
    ['with another type is a person’s to decide', verdict(before, mapping(['id:int', 'a:date', 'b:text'])), { do: 'halt', change: { obstacles: [expect.stringMatching(/was int and is date/)] } }],
    ['with another key is a person’s to decide', verdict(before, mapping(['id:int', 'a:int', 'b:text'], ['a'])), { do: 'halt' }],
    ['without its key column is a person’s to decide', verdict(before, null, { columns: ['a', 'b'] }), { do: 'halt', change: { obstacles: [expect.stringMatching(/key column id of public\.t is gone/)] } }],
    ['without any key is a person’s to decide', verdict(before, null, { key: [] }), { do: 'halt', change: { obstacles: [expect.stringMatching(/no usable key/)] } }],
    ['that cannot be mapped for another reason goes on as it is', verdict(before, null), { do: 'wait', because: expect.stringMatching(/no usable key/) as string }],
    ['unchanged, with a privilege lost, goes on as it is', verdict(before, before, { problems: ['may not read'] }), { do: 'nothing' }],
    ['with a column that cannot be carried goes on as it is', verdict(before, mapping(['id:int', 'a:int', 'b:text', 'c:odd']), { problems: ['cannot be carried'] }), { do: 'wait', because: 'cannot be carried' }],
    ['that the pipeline file wants otherwise is the next run’s', verdict(before, { ...before, target: { schema: 'dwh', name: 't' } }), { do: 'nothing' }],
    [
      'without a period column is a person’s to decide',
      verdict(mapping(['id:int', 'f:date', 't:date'], ['id'], { history: { kind: 'derived', target: { schema: 'public', name: 'h' }, source: null, period: { from: 1, to: 2 } } }), mapping(['id:int', 'f:date'])),
      { do: 'halt', change: { dropped: ['t'] } },
    ],
    [
      'with a column less in front of its period is followed, the period found again',
      verdict(mapping(['id:int', 'a:int', 'f:date', 't:date'], ['id'], { history: { kind: 'derived', target: { schema: 'public', name: 'h' }, source: null, period: { from: 2, to: 3 } } }), mapping(['id:int', 'f:date', 't:date'], ['id'], { history: { kind: 'derived', target: { schema: 'public', name: 'h' }, source: null, period: { from: 1, to: 2 } } })),
      { do: 'follow', to: { history: { period: { from: 1, to: 2 } } } },
    ],
  ])('%s', (_, found, expected) => expect(found).toMatchObject(expected as object));
});

describe('a run for added tables', () => {
  const run = (state: Run['state'], finishedMs: number, tables = ['a']): Run => ({ reason: 'tables-added', state, tables, createdAt: new Date(0), finishedAt: new Date(finishedMs) }) as unknown as Run;
  it.each<[string, readonly Run[], boolean]>([
    ['is due where there was none', [], true],
    ['is due where the last was for others', [run('cancelled', 0, ['b'])], true],
    ['is not due while it is at work', [run('running', 0)], false],
    ['is not due soon after it failed', [run('failed', 1)], false],
    ['is due again a while after it failed', [run('failed', 0)], true],
    ['is not due once somebody cancelled it', [run('cancelled', 0)], false],
    ['is due where one succeeded and the table is unknown all the same', [run('succeeded', 0)], true],
  ])('%s', (_, runs, due) => expect(addedRunDue(['a'], runs, ADDED_RETRY_MS)).toBe(due));
});

describe('describing', () => {
  const selection = (include: readonly string[], exclude: readonly string[] = []): TableSelection => ({ include, exclude, keys: new Map(), excludedColumns: new Map() });
  const source = (existing: readonly string[]): SourceDatabase =>
    ({
      describe: async ({ include }: TableSelection) => {
        const gone = include.find((entry) => !existing.includes(entry));
        if (gone !== undefined) throw new ElstreamError('TABLE_NOT_FOUND', 'refuse', `no ${gone}`, { place: { table: gone } });
        return include.map((entry) => ({ schema: { schema: 'public', name: entry, columns: [], key: [] }, estimatedRows: null, problems: [] }));
      },
    }) as unknown as SourceDatabase;

  it('leaves out what is gone, and refuses what never was', async () => {
    expect((await describeExisting(source(['b']), selection(['a', 'b', 'c']))).map((t) => t.schema.name)).toEqual(['b']);
    expect(await describeExisting(source([]), selection(['a']))).toEqual([]);
    await expect(describeExisting(source(['b']), selection(['a', 'b']), () => false)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });

  it.each<[string, string, TableSelection, boolean]>([
    ['t', 'by name', selection(['public.t']), true],
    ['t', 'by pattern', selection(['public.*']), true],
    ['t', 'but is excluded', selection(['public.*'], ['*.t']), false],
    ['a.b', 'in quotes', selection(['public."a.b"']), true],
    ['u', 'not', selection(['public.t']), false],
  ])('table %s is selected %s', (name, _, of, expected) => expect(isSelected(of, { schema: 'public', name })).toBe(expected));
});

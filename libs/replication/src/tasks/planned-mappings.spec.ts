import type { TableMapping } from '@elstream/core';
import type { SourceTable } from '@elstream/source';
import { plannedMappings, planningProblems } from './planned-mappings';

const mapping = (name: string, more: Partial<TableMapping> = {}, columns: readonly string[] = ['id']): TableMapping => ({
  id: `public.${name}`,
  source: { schema: 'public', name },
  target: { schema: 'public', name },
  columns: columns.map((c) => ({ source: c, target: c, type: { kind: 'integer', bits: 64 }, targetType: 'bigint', nullable: false, mask: null })),
  key: [0],
  chunkRows: 100,
  ...more,
});

describe('the mappings a preparation stores', () => {
  it.each<[string, readonly [before: TableMapping | null, now: TableMapping | null, named: readonly string[]], TableMapping | null]>([
    ['are the source’s for a new table', [null, mapping('a'), []], mapping('a')],
    ['take over what the pipeline file changed', [mapping('a'), mapping('a', { chunkRows: 7 }), []], mapping('a', { chunkRows: 7 })],
    ['leave a changed schema to be followed', [mapping('a'), mapping('a', { chunkRows: 7 }, ['id', 'x']), []], mapping('a', { chunkRows: 7 })],
    ['leave it to be followed also where the table was asked for by name', [mapping('a'), mapping('a', {}, ['id', 'x']), ['public.a']], mapping('a')],
    ['leave a halted table halted', [mapping('a', { halted: 'key' }), mapping('a'), []], mapping('a', { halted: 'key' })],
    ['bring a halted table back where it was asked for by name', [mapping('a', { halted: 'key' }), mapping('a'), ['public.a']], mapping('a')],
    ['keep a halted table that is gone at the source', [mapping('a', { halted: 'gone' }), null, []], mapping('a', { halted: 'gone' })],
    ['forget a table that is selected no more', [mapping('a'), null, []], null],
  ])('%s', (_, [before, now, named], expected) => {
    const stored = new Map(before === null ? [] : [[before.id, before]]);
    expect(plannedMappings(now === null ? [] : [now], { stored, named })).toEqual(expected === null ? [] : [expected]);
  });

  it('are held up by no problem of a halted table', () => {
    const table = (name: string): SourceTable => ({ schema: { schema: 'public', name, columns: [], key: [] }, estimatedRows: null, problems: [`${name} has no key`] });
    const mapTables = (tables: readonly SourceTable[]) => ({ mappings: [], problems: [...tables.flatMap((t) => t.problems), 'a setting is not used'] });
    const stored = new Map([['public.a', mapping('a', { halted: 'key' })]]);
    expect(planningProblems([table('a'), table('b')], mapTables, { stored, named: [] })).toEqual(['b has no key', 'a setting is not used']);
    expect(planningProblems([table('a')], mapTables, { stored, named: ['public.a'] })).toEqual(['a has no key', 'a setting is not used']);
  });
});

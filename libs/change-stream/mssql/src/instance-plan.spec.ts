import { LogPosition } from '@elstream/core';
import { type CaptureInstance, type SourceTable } from './catalog';
import { isOurs, ownNames, planInstances } from './instance-plan';

const source = { schema: 'dbo', name: 'item' };
const [first, second] = ownNames(source);
const wanted = (...columns: string[]) => [{ id: 'dbo.item', source, columns }];
const table = (columns: readonly string[], more: { readonly history?: boolean; readonly computed?: string } = {}): ReadonlyMap<string, SourceTable> =>
  new Map([['dbo.item', { history: more.history ?? false, columns: new Map(columns.map((name) => [name, { computed: name === more.computed }])) }]]);
const instance = (name: string, columns: readonly string[], dropping = false): CaptureInstance => {
  const position = LogPosition.fromBigInt(1n, 10);
  return { table: 'dbo.item', source, name, object: 1, created: '2026-01-01T00:00:00', start: position, least: position, role: null, dropping, columns };
};

describe('what is enabled', () => {
  it.each([
    ['a table without an instance gets ours', ['id', 'v'], [], [first]],
    ['an instance of somebody else that has every mapped column is taken', ['id'], [instance('dbo_item', ['id', 'v'])], []],
    ['one made before a column was added gets a second one beside it', ['id', 'v'], [instance('dbo_item', ['id'])], [first]],
    ['the second one of ours has a name of its own', ['id', 'v'], [instance(first, ['id'])], [second]],
    ['the name of the first is used again once it is gone', ['id', 'v'], [instance(second, ['id'])], [first]],
    ['of two the newest counts', ['id', 'v'], [instance('dbo_item', ['id']), instance(first, ['id', 'v'])], []],
    ['one that is being dropped counts for nothing', ['id'], [instance('dbo_item', ['id'], true)], [first]],
  ])('%s', (_name, columns, instances, enabled) => {
    const plan = planInstances(wanted(...columns), table(['id', 'v']), instances);
    expect([plan.enable.map((made) => made.instance), plan.problems]).toEqual([enabled, []]);
  });
});

describe('what cannot be captured is told with the remedy', () => {
  const two = [instance('dbo_item', ['id', 'v']), instance(first, ['id'])];
  it.each([
    ['the newest of two lacks a column, though the older has it', ['id', 'v'], table(['id', 'v']), two, `lacks the column v, and a table has at most two instances; once the connector has read past the start of the newer one, run EXEC sys.sp_cdc_disable_table @source_schema = N'dbo', @source_name = N'item', @capture_instance = N'dbo_item'; and prepare again`],
    ['a table that is not there', ['id'], new Map<string, SourceTable>(), [], 'table dbo.item is not there at the source'],
    ['a history table', ['id'], table(['id'], { history: true }), [], 'name its current table'],
    ['a computed column', ['id', 'v'], table(['id', 'v'], { computed: 'v' }), [], 'column v of table dbo.item is computed'],
    ['a column that is gone', ['id', 'x'], table(['id']), [], 'table dbo.item has no column x'],
  ] as const)('%s', (...[, columns, tables, instances, text]) => {
    const plan = planInstances(wanted(...columns), tables, instances);
    expect(plan.enable).toEqual([]);
    expect(plan.problems).toEqual([expect.stringContaining(text)]);
  });
});

it('names of ours are told from others, and depend on nothing but the table', () => {
  expect([first, second].every((name) => isOurs(name) && name.length <= 100)).toBe(true);
  expect(ownNames({ schema: 'dbo.item', name: '' })).not.toEqual(ownNames(source));
  expect(['elstream_counter', 'dbo_item', `${first}x`, `x${first}`].some(isOurs)).toBe(false);
});

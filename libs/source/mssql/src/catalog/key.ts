import { tableId, type TableName } from '@elstream/core';
import { describeType } from './column-type';
import { type UniqueIndex } from './catalog';
import { type CatalogColumn } from './tables-sql';

export interface KeyInputs {
  readonly table: TableName;
  /** Usable ones, the primary key first. */
  readonly indexes: readonly UniqueIndex[];
  readonly columns: readonly CatalogColumn[];
  readonly excluded: ReadonlySet<string>;
  readonly configured: readonly string[] | null;
}

export interface KeyChoice {
  readonly key: readonly string[];
  readonly problems: readonly string[];
}

/**
 * The key a table is replicated by: the columns of a unique index that are never NULL. Capture records whole rows, so any
 * such key will do, if its values are captured (computed ones are not) and their texts mean exactly one value. Pure.
 */
export function chooseKey(inputs: KeyInputs): KeyChoice {
  const chosen = inputs.configured === null ? catalogKey(inputs) : configuredKey(inputs, inputs.configured);
  if ('problem' in chosen) return { key: [], problems: [`${tableId(inputs.table)}: ${chosen.problem}`] };
  return { key: chosen.key, problems: chosen.key.flatMap((name) => columnProblems(inputs, name)) };
}

type Chosen = { readonly key: readonly string[] } | { readonly problem: string };

function catalogKey({ indexes, columns }: KeyInputs): Chosen {
  const never = new Set(columns.filter((c) => !c.nullable).map((c) => c.name));
  const index = indexes.find((i) => i.primary) ?? indexes.find((i) => i.columns.every((c) => never.has(c)));
  if (index !== undefined) return { key: index.columns };
  return { problem: 'it has neither a primary key nor a unique index over NOT NULL columns (disabled and filtered ones do not count); add one, or exclude the table' };
}

function configuredKey({ indexes, columns }: KeyInputs, configured: readonly string[]): Chosen {
  const unknown = configured.find((name) => !columns.some((c) => c.name === name));
  if (unknown !== undefined) return { problem: `the configured key names column ${unknown}, which the table does not have; correct the key, spelled as in the catalog` };
  const nullable = configured.find((name) => columns.some((c) => c.name === name && c.nullable));
  if (nullable !== undefined) return { problem: `column ${nullable} of the configured key may be NULL; declare it NOT NULL or choose another key` };
  const wanted = new Set(configured);
  const matching = indexes.filter((i) => i.columns.length === wanted.size && i.columns.every((c) => wanted.has(c)));
  // The index's order, where it differs: chunks are cut along an index.
  const index = matching.find((i) => i.columns.every((c, place) => c === configured[place])) ?? matching[0];
  if (index !== undefined) return { key: index.columns };
  return { problem: `no unique index has exactly the columns of the configured key (${configured.join(', ')}); create one (not filtered) or choose another key` };
}

function columnProblems({ table, columns, excluded }: KeyInputs, name: string): string[] {
  const id = tableId(table);
  const column = columns.find((c) => c.name === name);
  if (excluded.has(name)) return [`${id}: column ${name} belongs to the key and cannot be excluded; include it or choose another key`];
  if (column?.computed === true) return [`${id}: column ${name} of the key is computed, and change data capture records NULL for it; choose another key`];
  // The server does not promise that the text of a float becomes that very float again: a row could not be found by its key.
  if (column !== undefined && describeType(column).type.kind === 'float') return [`${id}: column ${name} of the key is ${describeType(column).native}, which cannot be looked up exactly; choose another key`];
  return [];
}

import { tableId } from '@elstream/core';
import { quoteTable } from '@elstream/database';
import { type Relation, type UniqueIndex } from './relations';

/** Columns an UPDATE or DELETE event carries of the old row. */
type Identity = { readonly columns: ReadonlySet<string> | 'all' } | { readonly problem: string };

export interface KeyInputs {
  readonly relation: Relation;
  readonly leaves: readonly Relation[];
  readonly indexesOf: (relation: Relation) => readonly UniqueIndex[];
  /** Columns declared NOT NULL. */
  readonly notNull: ReadonlySet<string>;
  readonly columns: ReadonlySet<string>;
  readonly excluded: ReadonlySet<string>;
  readonly configured: readonly string[] | null;
}

export interface KeyChoice {
  readonly key: readonly string[];
  readonly problems: readonly string[];
}

/**
 * The key a table is replicated by: unique, never NULL, and delivered by the replica identity of the table and of each
 * partition, or a delete could not be applied. Pure: the catalog is read already.
 */
export function chooseKey(inputs: KeyInputs): KeyChoice {
  const { relation, configured, excluded } = inputs;
  const id = tableId(relation);
  const indexes = inputs.indexesOf(relation);
  const identity = identityOf(relation, indexes);
  if ('problem' in identity) return { key: [], problems: [identity.problem] };
  const chosen = configured === null ? catalogKey(relation, indexes, inputs.notNull) : configuredKey(inputs, configured, identity.columns);
  if ('problem' in chosen) return { key: [], problems: [chosen.problem] };
  const problems = chosen.key
    .filter((column) => excluded.has(column))
    .map((column) => `${id}: column ${column} belongs to the key and cannot be excluded; include it or choose another key`);
  for (const leaf of inputs.leaves) problems.push(...leafProblems(leaf, inputs.indexesOf(leaf), chosen.key));
  return { key: chosen.key, problems };
}

function identityOf(relation: Relation, indexes: readonly UniqueIndex[]): Identity {
  const id = tableId(relation);
  const alter = `ALTER TABLE ${quoteTable(relation)} REPLICA IDENTITY`;
  switch (relation.relreplident) {
    case 'f':
      return { columns: 'all' };
    case 'i': {
      const index = indexes.find((i) => i.replicaIdentity);
      return index === undefined
        ? { problem: `${id}: the index of its replica identity is gone or not valid; run ${alter} USING INDEX with another one, or exclude the table` }
        : { columns: new Set(index.columns) };
    }
    case 'n':
      return { problem: `${id}: its replica identity is NOTHING, so updates and deletes cannot be followed; run ${alter} DEFAULT (with a primary key) or FULL, or exclude the table` };
    default: {
      const primary = indexes.find((i) => i.primary);
      if (primary === undefined) {
        return { problem: `${id}: it has no primary key; add one, or run ${alter} USING INDEX <unique index over NOT NULL columns> or FULL, or exclude the table` };
      }
      if (!primary.immediate) {
        return { problem: `${id}: its primary key is DEFERRABLE, which cannot identify rows in the log; make it NOT DEFERRABLE, or run ${alter} USING INDEX <another unique index>, or exclude the table` };
      }
      return { columns: new Set(primary.columns) };
    }
  }
}

type Chosen = { readonly key: readonly string[] } | { readonly problem: string };

function catalogKey(relation: Relation, indexes: readonly UniqueIndex[], notNull: ReadonlySet<string>): Chosen {
  const usable = indexes.filter((i) => i.immediate && i.columns.every((c) => notNull.has(c)));
  const index = relation.relreplident === 'i' ? indexes.find((i) => i.replicaIdentity) : usable[0];
  if (index !== undefined) return { key: index.columns };
  return {
    problem: `${tableId(relation)}: it has neither a primary key nor a unique index over NOT NULL columns (partial, expression and deferrable ones do not count); add one, or exclude the table`,
  };
}

function configuredKey(inputs: KeyInputs, configured: readonly string[], identity: ReadonlySet<string> | 'all'): Chosen {
  const { relation, columns, notNull } = inputs;
  const id = tableId(relation);
  const named = configured.join(', ');
  const unknown = configured.find((c) => !columns.has(c));
  if (unknown !== undefined) return { problem: `${id}: the configured key names column ${unknown}, which the table does not have; correct the key` };
  const nullable = configured.find((c) => !notNull.has(c));
  if (nullable !== undefined) return { problem: `${id}: column ${nullable} of the configured key may be NULL; declare it NOT NULL or choose another key` };
  const undelivered = identity === 'all' ? undefined : configured.find((c) => !identity.has(c));
  if (undelivered !== undefined) {
    return { problem: `${id}: column ${undelivered} of the configured key is not part of the replica identity; run ALTER TABLE ${quoteTable(relation)} REPLICA IDENTITY USING INDEX over the key, or FULL, or choose another key` };
  }
  const wanted = new Set(configured);
  const matching = inputs.indexesOf(relation).filter((i) => i.immediate && i.columns.length === wanted.size && i.columns.every((c) => wanted.has(c)));
  // The index's order, where it differs: chunks are cut along an index.
  const index = matching.find((i) => i.columns.every((c, place) => c === configured[place])) ?? matching[0];
  if (index === undefined) {
    return { problem: `${id}: no unique index has exactly the columns of the configured key (${named}); create one (not partial, not deferrable) or choose another key` };
  }
  return { key: index.columns };
}

function leafProblems(leaf: Relation, indexes: readonly UniqueIndex[], key: readonly string[]): string[] {
  if (leaf.relkind !== 'r' || leaf.relpersistence !== 'p') return [];
  const identity = identityOf(leaf, indexes);
  if ('problem' in identity) return [identity.problem];
  const { columns } = identity;
  const missing = columns === 'all' ? undefined : key.find((c) => !columns.has(c));
  if (missing === undefined) return [];
  return [`${tableId(leaf)}: the replica identity of this partition lacks key column ${missing}; run ALTER TABLE ${quoteTable(leaf)} REPLICA IDENTITY DEFAULT or FULL`];
}

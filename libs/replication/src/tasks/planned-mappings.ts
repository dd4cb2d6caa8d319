import { compareMappings, isUnchanged, tableId, type TableMapping } from '@elstream/core';
import type { SourceTable } from '@elstream/source';
import type { MappedTables } from '../pipeline';

export interface Planning {
  /** What stands, halted tables included. */
  readonly stored: ReadonlyMap<string, TableMapping>;
  /** Tables the run was asked for by name; empty: all. */
  readonly named: readonly string[];
}

/**
 * The mappings that a preparation stores, pure. A halted table stays halted unless the run was asked for it by name, as
 * after a person's consent. A changed schema is followed beside the stream, where values that events lacked are loaded
 * again; what the pipeline file wants otherwise is taken over here.
 */
export function plannedMappings(mapped: readonly TableMapping[], { stored, named }: Planning): TableMapping[] {
  const planned = mapped.map((now) => {
    const before = stored.get(now.id);
    if (before === undefined) return now;
    if (before.halted !== undefined) return named.includes(now.id) ? now : before;
    const change = compareMappings(before, now);
    if (isUnchanged(change)) return now;
    return change.configured.length === 0 ? { ...before, chunkRows: now.chunkRows } : now;
  });
  const known = new Set(planned.map((m) => m.id));
  return [...planned, ...[...stored.values()].filter((m) => m.halted !== undefined && !known.has(m.id) && !named.includes(m.id))];
}

/** Problems of the tables, but for those that only halted tables have: they hold no other up. */
export function planningProblems(found: readonly SourceTable[], mapTables: (tables: readonly SourceTable[]) => MappedTables, { stored, named }: Planning): string[] {
  const always = new Set(mapTables([]).problems);
  const halted = found.filter((table) => stored.get(tableId(table.schema))?.halted !== undefined && !named.includes(tableId(table.schema)));
  const theirs = new Set(halted.flatMap((table) => mapTables([table]).problems).filter((problem) => !always.has(problem)));
  return mapTables(found).problems.filter((problem) => !theirs.has(problem));
}

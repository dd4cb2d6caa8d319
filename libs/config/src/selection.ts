import { tableId } from '@elstream/core';
import type { PipelineConfig } from './pipeline-schema';
import { exactTableId } from './table-pattern';

/** What the source is asked to describe; fits `TableSelection` of the source port. */
export interface PipelineSelection {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly excludedColumns: ReadonlyMap<string, readonly string[]>;
}

/**
 * Only settings of exact names can be told before the catalog is read: a column of a type that cannot be carried has
 * to be left out by such a one.
 */
export function tableSelection({ tables, stream }: PipelineConfig): PipelineSelection {
  const byTable = <V>(pick: (setting: PipelineConfig['tables']['settings'][number]) => readonly V[] | undefined): Map<string, readonly V[]> => {
    const out = new Map<string, readonly V[]>();
    for (const setting of tables.settings) {
      const id = exactTableId(setting.match);
      const value = pick(setting);
      if (id !== null && value !== undefined && value.length > 0) out.set(id, value);
    }
    return out;
  };
  // One spelling per exact name: its table id, whatever quotes the file has.
  const named = (entries: readonly string[]): string[] => entries.map((entry) => exactTableId(entry) ?? entry);
  // The counter's table is ours, so a pattern does not take it along.
  const ours = stream.type === 'kafka' ? [tableId(stream.counterTable)] : [];
  return { include: named(tables.include), exclude: [...named(tables.exclude), ...ours], keys: byTable((s) => s.key), excludedColumns: byTable((s) => s.columns.exclude) };
}

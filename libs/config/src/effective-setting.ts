import { tableId, type Mask, type TableName, type TableSchema } from '@elstream/core';
import { isHashType } from './explicit-type';
import type { PipelineConfig, TableSetting } from './pipeline-schema';
import { matchesTable, parseTablePattern } from './table-pattern';

/** A history that is kept, as the file says it. */
export type KeptHistory = Exclude<TableSetting['history'], { readonly kind: 'none' } | undefined>;

/** All settings that match one table, put together. */
export interface EffectiveSetting {
  readonly key: readonly string[] | null;
  readonly targetSchema: string | null;
  readonly targetName: string | null;
  readonly chunkRows: number | null;
  /** Null: none is kept. */
  readonly history: KeptHistory | null;
  readonly exclude: ReadonlySet<string>;
  readonly rename: ReadonlyMap<string, string>;
  readonly mask: ReadonlyMap<string, Mask>;
  readonly type: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/** Indices of the settings that match the table: those of patterns in the file's order, then the one of its exact name. */
function matching(settings: readonly TableSetting[], table: TableName): number[] {
  const isExact = (i: number): boolean => parseTablePattern(settings[i]?.match ?? '')?.kind === 'exact';
  const all = settings.flatMap((s, i) => (matchesTable(s.match, table) ? [i] : []));
  return [...all.filter((i) => !isExact(i)), ...all.filter(isExact)];
}

/**
 * Puts together what the file says of one table. Settings add up instead of the most specific one replacing the rest:
 * a mask set for a pattern must not fall away because a single table got a chunk size. Where two speak of the same
 * thing the later one holds; a column both left out and masked, renamed or given a type is refused.
 */
export function effectiveSetting({ tables: { settings }, warehouse }: PipelineConfig, table: TableName): EffectiveSetting {
  const used = matching(settings, table).flatMap((i) => settings[i] ?? []);
  const last = <V>(pick: (setting: TableSetting) => V | undefined): V | null => used.map(pick).findLast((v) => v !== undefined) ?? null;
  const merged = <V>(pick: (setting: TableSetting) => Readonly<Record<string, V>>): Map<string, V> => new Map(used.flatMap((s) => Object.entries(pick(s))));
  const exclude = new Set(used.flatMap((s) => s.columns.exclude));
  const rename = merged((s) => s.columns.rename);
  const mask = merged<Mask>((s) => s.columns.mask);
  const type = merged((s) => s.columns.type);
  const problems = Object.entries({ rename, mask, type }).flatMap(([name, by]) =>
    [...by.keys()].filter((c) => exclude.has(c)).map((c) => `column ${c} of table ${tableId(table)} is left out by one of tables.settings, while another has columns.${name}.${c}; remove one of the two`),
  );
  for (const [column, wanted] of type) {
    if (mask.get(column)?.kind === 'hash' && !isHashType(wanted, warehouse.type)) problems.push(`column ${column} of table ${tableId(table)} is masked by a hash, which is text; remove columns.type.${column}`);
  }
  return {
    key: last((s) => s.key),
    targetSchema: last((s) => s.target.schema),
    targetName: last((s) => s.target.name),
    chunkRows: last((s) => s.chunkRows),
    history: kept(last((s) => s.history)),
    exclude,
    rename,
    mask,
    type,
    problems,
  };
}

function kept(history: NonNullable<TableSetting['history']> | null): KeptHistory | null {
  return history === null || history.kind === 'none' ? null : history;
}

/** Settings without effect: those that match no table, and those of columns that no matching table has. */
export function usedSettings({ tables: { settings } }: PipelineConfig, tables: readonly TableSchema[]): string[] {
  return settings.flatMap((setting, i) => {
    const name = `tables.settings[${i}] (${setting.match})`;
    const matched = tables.filter((t) => matchesTable(setting.match, t));
    if (matched.length === 0) return [`${name} matches no table of the pipeline; correct it or remove it`];
    const { exclude, rename, mask, type } = setting.columns;
    const period = setting.history === undefined || setting.history.kind === 'none' ? [] : (setting.history.period ?? []);
    const named = { 'columns.exclude': exclude, 'columns.rename': Object.keys(rename), 'columns.mask': Object.keys(mask), 'columns.type': Object.keys(type), 'history.period': period };
    return Object.entries(named).flatMap(([kind, columns]) =>
      columns
        .filter((column) => !matched.some((t) => t.columns.some((c) => c.name === column)))
        .map((column) => `${name} ${kind} names ${column}, a column that ${matched.length === 1 ? `table ${tableId(matched[0] as TableSchema)} does not have` : 'no table it matches has'}; correct it or remove it`),
    );
  });
}

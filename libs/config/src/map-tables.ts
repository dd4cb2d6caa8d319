import { tableId, type ColumnSchema, type MappedColumn, type Product, type TableMapping, type TableName, type TableSchema } from '@elstream/core';
import { effectiveSetting, usedSettings, type EffectiveSetting } from './effective-setting';
import { spellType, typeForSetting } from './explicit-type';
import { mapHistory, RESERVED_SCHEMA } from './map-history';
import { foldName, isName, nameLimit } from './name-limit';
import type { PipelineConfig } from './pipeline-schema';
import { clashes } from './target-clashes';
import { hashType, keyRefusal, warehouseTypeOf } from './warehouse-type';

/** A source table as the source describes it (`SourceTable` of the source port fits). */
export interface DescribedTable {
  readonly schema: TableSchema;
  /** Why it cannot be replicated; such a table gets no mapping. */
  readonly problems?: readonly string[];
}

export interface MappedTables {
  readonly mappings: readonly TableMapping[];
  /** Sentences that name table, column or setting and the remedy; if there is any, nothing may be started. */
  readonly problems: readonly string[];
}

/** Names the warehouse keeps for itself. */
const RESERVED_COLUMN = /^__elstream_/i;

/**
 * Applies the settings of a pipeline to what its source describes. Pure: the same file and catalog always give the same
 * mappings. A table with a problem has no mapping; the others have, so that a check can show everything at once.
 */
export function mapTables(config: PipelineConfig, tables: readonly DescribedTable[]): MappedTables {
  const mappings: TableMapping[] = [];
  const problems: string[] = [];
  const settings = new Map(tables.map((t) => [t, effectiveSetting(config, t.schema)]));
  for (const [table, setting] of settings) {
    const own = [...(table.problems ?? []), ...setting.problems];
    const mapping = own.length > 0 ? null : mapTable(config, table.schema, setting, own);
    problems.push(...own);
    if (mapping !== null && own.length === 0) mappings.push(mapping);
  }
  problems.push(...usedSettings(config, tables.map((t) => t.schema)), ...clashes(config, mappings));
  return { mappings, problems };
}

function mapTable(config: PipelineConfig, table: TableSchema, setting: EffectiveSetting, problems: string[]): TableMapping {
  const id = tableId(table);
  const key = setting.key ?? table.key;
  const between = { from: config.source.type, to: config.warehouse.type };
  const kept = table.columns.filter((c) => !setting.exclude.has(c.name));
  const columns = kept.map((c) => mapColumn(c, setting, { ...between, key: key.includes(c.name) }));
  const target: TableName = { schema: setting.targetSchema ?? config.warehouse.schema ?? table.schema, name: setting.targetName ?? table.name };
  const source: TableName = { schema: table.schema, name: table.name };
  problems.push(...keyProblems(id, table, key, setting), ...typeProblems(id, kept, { setting, key, ...between }), ...nameProblems(id, target, columns, between.to));
  const history = mapHistory({ source, target, columns, wanted: setting.history, warehouse: between.to }, problems);
  return {
    id,
    source,
    target,
    columns,
    key: key.map((name) => columns.findIndex((c) => c.source === name)),
    chunkRows: setting.chunkRows ?? config.defaults.chunkRows,
    ...(history === null ? {} : { history }),
  };
}

interface Between {
  readonly from: Product;
  readonly to: Product;
}

function mapColumn(column: ColumnSchema, setting: EffectiveSetting, { from, to, key }: Between & { readonly key: boolean }): MappedColumn {
  const mask = setting.mask.get(column.name) ?? null;
  const base = { source: column.name, target: setting.rename.get(column.name) ?? column.name, native: column.native, mask };
  if (mask?.kind === 'hash') {
    return { ...base, type: { kind: 'text', maxLength: null, padded: false }, targetType: hashType(to), nullable: column.nullable };
  }
  const wanted = setting.type.get(column.name);
  const nullable = column.nullable || mask !== null;
  if (wanted === undefined) return { ...base, type: column.type, targetType: warehouseTypeOf(column, from, to, { key }).targetType, nullable };
  const type = typeForSetting(column, wanted, { from, to });
  return { ...base, type: typeof type === 'string' ? column.type : type, targetType: spellType(wanted, to), nullable };
}

/** Columns of which the warehouse has no fitting type, in the key or by what a setting says. */
function typeProblems(id: string, columns: readonly ColumnSchema[], { setting, key, ...between }: Between & { readonly setting: EffectiveSetting; readonly key: readonly string[] }): string[] {
  return columns.flatMap((column) => {
    const wanted = setting.type.get(column.name);
    const ofSetting = wanted === undefined || setting.mask.has(column.name) ? null : typeForSetting(column, wanted, between);
    if (typeof ofSetting === 'string') return [`column ${column.name} of table ${id} ${ofSetting} in columns.type.${column.name}`];
    const ofKey = key.includes(column.name) ? keyRefusal(column, between.from, between.to) : null;
    return ofKey === null ? [] : [`column ${column.name} of table ${id} belongs to its key and ${ofKey}`];
  });
}

function keyProblems(id: string, table: TableSchema, key: readonly string[], setting: EffectiveSetting): string[] {
  if (key.length === 0) return [`table ${id} has no usable key; give it a primary key, or name unique columns that are never NULL by tables.settings[].key`];
  return key.flatMap((name) => {
    if (!table.columns.some((c) => c.name === name)) return [`table ${id} has no column ${name}, which tables.settings[].key names; correct it`];
    if (setting.exclude.has(name)) return [`column ${name} of table ${id} belongs to its key and cannot be left out; take it out of columns.exclude`];
    if (setting.mask.has(name)) return [`column ${name} of table ${id} belongs to its key and cannot be masked; choose another key or leave it unmasked`];
    if (setting.type.has(name)) return [`column ${name} of table ${id} belongs to its key and keeps its type; remove columns.type.${name}`];
    return [];
  });
}

function nameProblems(id: string, target: TableName, columns: readonly MappedColumn[], warehouse: Product): string[] {
  const out: string[] = [];
  const tooLong = (what: string, name: string, setting: string): void => {
    if (!isName(name, warehouse)) out.push(`${what} '${name}' of table ${id} is longer than ${nameLimit(warehouse)}, the most the warehouse takes; shorten it by ${setting}`);
  };
  tooLong('target schema', target.schema, 'target.schema');
  tooLong('target table', target.name, 'target.name');
  if (foldName(target.schema, warehouse) === RESERVED_SCHEMA) out.push(`target schema of table ${id} is ${RESERVED_SCHEMA}, which holds the control tables; set warehouse.schema or target.schema`);
  columns.forEach((column, i) => {
    tooLong('target column', column.target, `columns.rename.${column.source}`);
    if (RESERVED_COLUMN.test(column.target)) out.push(`column ${column.source} of table ${id} would be called ${column.target}, a name kept for elstream's own columns; rename it by columns.rename`);
    const other = columns.findIndex((c) => foldName(c.target, warehouse) === foldName(column.target, warehouse));
    if (other < i) out.push(`columns ${columns[other]?.source ?? ''} and ${column.source} of table ${id} would both be called ${column.target}${columns[other]?.target === column.target ? '' : ', which differs in case or in blanks at its end only'}; correct columns.rename`);
  });
  return out;
}

import { tableId, type TableMapping, type TableName } from '@elstream/core';
import { databaseOf } from './connection-url';
import { foldTable } from './name-limit';
import type { PipelineConfig } from './pipeline-schema';

interface Written {
  /** In words. */
  readonly what: string;
  readonly target: TableName;
  readonly setting: string;
}

/** Rows and history: two that would be written into one table of the warehouse, or over a table that is read. */
export function clashes(config: PipelineConfig, mappings: readonly TableMapping[]): string[] {
  const sameDatabase = databaseOf(config.source.url) === databaseOf(config.warehouse.url);
  const fold = (name: TableName): string => foldTable(name, config.warehouse.type);
  const sources = new Set(mappings.flatMap(({ source, history }) => [source, ...(history === undefined || history.source === null ? [] : [history.source])].map(fold)));
  const written = mappings.flatMap(({ id, target, history }): Written[] => [
    { what: `table ${id}`, target, setting: 'target.schema or target.name' },
    ...(history === undefined ? [] : [{ what: `history of table ${id}`, target: history.target, setting: 'history.target' }]),
  ]);
  const first = new Map<string, Written>();
  const clashing = written.flatMap((each) => {
    const { what, target, setting } = each;
    const targetId = tableId(target);
    const other = first.get(fold(target));
    if (other === undefined) first.set(fold(target), each);
    const out: string[] = [];
    if (other !== undefined) out.push(`${bothOf(other.what, what)} would both be written to ${targetId}; give one of them another ${setting}`);
    if (sameDatabase && sources.has(fold(target))) out.push(`${what} would be written to ${targetId}, which is a source table of the pipeline; set another warehouse.schema${setting === 'history.target' ? ' or history.target' : ' or leave it out by tables.exclude'}`);
    return out;
  });
  return [...indistinct(config, mappings), ...clashing];
}

/** The control tables are keyed by the names of source tables, which SQL Server tells by their case there, and never by blanks at their end. */
function indistinct({ warehouse }: PipelineConfig, mappings: readonly TableMapping[]): string[] {
  if (warehouse.type !== 'mssql') return [];
  const first = new Map<string, string>();
  return mappings.flatMap(({ id }) => {
    const shown = id.replace(/ +$/, '');
    const other = first.get(shown);
    if (other === undefined) first.set(shown, id);
    return other === undefined ? [] : [`tables ${JSON.stringify(other)} and ${JSON.stringify(id)} differ in blanks at the end only, which SQL Server does not tell; leave one of them out by tables.exclude`];
  });
}

/** `table a` and `table b` are tables a and b. */
function bothOf(a: string, b: string): string {
  const [x, y] = [a, b].map((what) => /^table (.*)$/s.exec(what)?.[1]);
  return x !== undefined && y !== undefined ? `tables ${x} and ${y}` : `${a} and ${b}`;
}

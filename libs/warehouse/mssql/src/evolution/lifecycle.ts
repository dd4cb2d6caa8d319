import type { TableMapping } from '@elstream/core';
import { bracketTable, CONTROL_SCHEMA, t, type MssqlParams } from '@elstream/database';
import { dataTables } from '../ddl';
import { ddlLock, waitShortly } from '../ddl-batch';
import { dropAsOf } from '../history/ddl';
import { commit, runTransaction, serverTransaction } from '../server-transaction';
import { tableHash, type Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { blocked, orBlocked, readDependents, type Doing } from './blocked';

/** `@pipeline`, and `@tables`: ids as JSON. */
const ofTables = (pipeline: string, tables: readonly string[]): MssqlParams => ({ pipeline: t.nvarchar(pipeline, 100), tables: t.json(tables) });
const IN_TABLES = 'IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j)';

export function stopTableSql(pipeline: string, table: string, lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [table],
    body: `UPDATE elstream.table_state SET phase = N'stopped', live_at = NULL, error = @reason, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
IF @@ROWCOUNT = 0 INSERT INTO elstream.table_state (pipeline, table_id, phase, error) VALUES (@pipeline, @table, N'stopped', @reason);
${commit('stopped')}`,
  });
}

/** R7: phase `stopped`. A table without state gets one, so that a table which was never loaded is stopped too. */
export async function stopTable(parts: WarehouseParts, pipeline: string, table: string, reason: string): Promise<void> {
  await runTransaction(parts.db, stopTableSql(pipeline, table, parts.db.lockMs), { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(table, 300), reason: t.nvarchar(reason) });
}

/** Nobody replays them any more: the preload that follows reads the rows themselves. `@note`. */
export const discardParked = `UPDATE elstream.dead_letter SET state = N'discarded', settled_at = @now, note = @note WHERE pipeline = @pipeline AND table_id ${IN_TABLES} AND state = N'parked';`;
export const forgetDue = `DELETE FROM elstream.history_due WHERE pipeline = @pipeline AND table_id ${IN_TABLES};`;

export function forgetTablesSql(pipeline: string, tables: readonly string[], lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables,
    body: [
      ...tables.map((table) => `DROP TABLE IF EXISTS ${bracketTable({ schema: CONTROL_SCHEMA, name: `marker_${tableHash(pipeline, table)}` })};`),
      ...['table_state', 'open_use'].map((known) => `DELETE FROM elstream.${known} WHERE pipeline = @pipeline AND table_id ${IN_TABLES};`),
      forgetDue,
      discardParked,
      commit('forgotten'),
    ].join('\n'),
  });
}

/** The targets stay, rows and all; what is known of them goes. */
export async function forgetTables(parts: WarehouseParts, pipeline: string, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return;
  await runTransaction(parts.db, forgetTablesSql(pipeline, tables, parts.db.lockMs), { ...ofTables(pipeline, tables), note: t.nvarchar('the pipeline has the table no more') });
}

/** The epoch stays: rows that remain are older than the next one. `drop`: targets whose data goes with it. */
export function resetTablesSql(pipeline: string, tables: readonly string[], of: { readonly drop: readonly Target[]; readonly lockMs: number }): string {
  const { drop, lockMs } = of;
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables,
    body: [
      `UPDATE elstream.table_state SET phase = N'new', run_id = NULL, live_at = NULL, reread_until = NULL, truncate_epoch = NULL, truncate_position = NULL,
       rows_preloaded = 0, stale = NULL, error = NULL, updated_at = @now WHERE pipeline = @pipeline AND table_id ${IN_TABLES};`,
      discardParked,
      ...(drop.length === 0 ? [] : [...drop.map((target) => ddlLock(target.sql, lockMs)), waitShortly(lockMs)]),
      ...drop.flatMap((target) => [`IF OBJECT_ID(N'${target.markerSql.replaceAll("'", "''")}', N'U') IS NOT NULL DELETE m FROM ${target.markerSql} AS m WITH (TABLOCKX);`, dropAsOf(target), ...dataTables(target.mapping).map((table) => `DROP TABLE IF EXISTS ${table};`)]),
      ...(drop.length === 0 ? [] : [forgetDue]),
      commit('reset'),
    ].filter((line) => line !== '').join('\n'),
  });
}

/** Without `dropData` rows remain until the preload replaces or sweeps them. */
export async function resetTables(parts: WarehouseParts, pipeline: string, mappings: readonly TableMapping[], options: { readonly dropData: boolean }): Promise<void> {
  if (mappings.length === 0) return;
  const { db } = parts;
  const drop = options.dropData ? await Promise.all(mappings.map(async (m) => parts.targetOf(m))) : [];
  for (const target of drop) await refuseDependents(parts, target);
  const [first] = mappings;
  const what: Doing = { doing: `the data of ${mappings.map((m) => m.id).join(', ')} cannot be dropped from the warehouse`, table: first?.id ?? '', remedy: 'drop what depends on it, or reset without dropping data' };
  const statement = resetTablesSql(pipeline, mappings.map((m) => m.id), { drop, lockMs: db.lockMs });
  await orBlocked('RESET_BLOCKED', what, async () => runTransaction(db, statement, { ...ofTables(pipeline, mappings.map((m) => m.id)), note: t.nvarchar('reset') }));
}

/** The server would drop a table under a view that is not bound to it, and leave the view broken: what users made is theirs to drop. */
async function refuseDependents(parts: WarehouseParts, target: Target): Promise<void> {
  const ours = target.archive === null ? null : bracketTable(target.archive.asOf);
  const found: string[] = [];
  for (const table of dataTables(target.mapping)) {
    for (const dependent of await readDependents(parts.db, table)) if (dependent.kind !== 'P' && bracketTable(dependent) !== ours) found.push(`${dependent.schema}.${dependent.name}`);
  }
  if (found.length === 0) return;
  throw blocked('RESET_BLOCKED', { doing: `the data of ${target.mapping.id} cannot be dropped from the warehouse`, table: target.mapping.id, remedy: 'drop what depends on it, or reset without dropping data' }, `${[...new Set(found)].join(', ')} depend on it`);
}

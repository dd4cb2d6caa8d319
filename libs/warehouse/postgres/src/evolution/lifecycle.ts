import type { TableMapping } from '@elstream/core';
import { CONTROL_SCHEMA, quoteName, quoteTable, type Sql } from '@elstream/database';
import { dropAsOf } from '../history/ddl';
import { tableHash, type Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { orBlocked } from './blocked';
import { exclusively, lockDdl, takeForDdl } from './exclusively';
import { readRelation } from './relation';

/** R7: phase `stopped`. A table without state gets one, so that a table which was never loaded is stopped too. */
export async function stopTable(parts: WarehouseParts, pipeline: string, table: string, reason: string): Promise<void> {
  await exclusively(parts, pipeline, [table], async (sql) => {
    await sql.execute(
      `INSERT INTO elstream.table_state AS s (pipeline, table_id, phase, error) VALUES ($1, $2, 'stopped', $3)
       ON CONFLICT (pipeline, table_id) DO UPDATE SET phase = 'stopped', live_at = NULL, error = EXCLUDED.error, updated_at = now()`,
      [pipeline, table, reason],
    );
  });
}

/** The targets stay, rows and all; what is known of them goes. */
export async function forgetTables(parts: WarehouseParts, pipeline: string, tables: readonly string[]): Promise<void> {
  await exclusively(parts, pipeline, tables, async (sql) => {
    for (const table of tables) await sql.query(`DROP TABLE IF EXISTS ${CONTROL_SCHEMA}.${quoteName(`marker_${tableHash(pipeline, table)}`)}`);
    for (const known of ['table_state', 'open_use', 'history_due']) await sql.execute(`DELETE FROM elstream.${known} WHERE pipeline = $1 AND table_id = ANY ($2::text[])`, [pipeline, [...tables]]);
    await discardParked(sql, pipeline, tables, 'the pipeline has the table no more');
  });
}

/** Nobody replays them any more: the preload that follows reads the rows themselves. */
export async function discardParked(sql: Sql, pipeline: string, tables: readonly string[], note: string): Promise<void> {
  await sql.execute(`UPDATE elstream.dead_letter SET state = 'discarded', settled_at = now(), note = $3 WHERE pipeline = $1 AND table_id = ANY ($2::text[]) AND state = 'parked'`, [pipeline, [...tables], note]);
}

/**
 * The epoch stays: rows that remain are older than the next one. Without `dropData` they remain until the preload
 * replaces or sweeps them.
 */
export async function resetTables(parts: WarehouseParts, pipeline: string, mappings: readonly TableMapping[], options: { readonly dropData: boolean }): Promise<void> {
  const tables = mappings.map((m) => m.id);
  const targets = await Promise.all(mappings.map(async (m) => parts.targetOf(m)));
  await exclusively(parts, pipeline, tables, async (sql) => {
    await sql.execute(
      `UPDATE elstream.table_state SET phase = 'new', run_id = NULL, live_at = NULL, reread_until = NULL, truncate_epoch = NULL, truncate_position = NULL,
              rows_preloaded = 0, stale = NULL, error = NULL, updated_at = now() WHERE pipeline = $1 AND table_id = ANY ($2::text[])`,
      [pipeline, tables],
    );
    await discardParked(sql, pipeline, tables, 'reset');
    if (!options.dropData) return;
    for (const target of targets) {
      if ((await readRelation(sql, target.markerTable)) !== null) await sql.execute(`DELETE FROM ${target.markerSql}`);
      await dropData(sql, target);
    }
    // after the archives, as a merge of history takes them: otherwise each could wait for the other
    await sql.execute('DELETE FROM elstream.history_due WHERE pipeline = $1 AND table_id = ANY ($2::text[])', [pipeline, tables]);
  });
}

/** Without CASCADE: what users made on the tables is theirs to drop. */
async function dropData(sql: Sql, target: Target): Promise<void> {
  const { mapping } = target;
  await lockDdl(sql, target.sql);
  const named = [mapping.target, ...(mapping.history === undefined ? [] : [mapping.history.target])];
  const standing: string[] = [];
  for (const table of named) if ((await readRelation(sql, table)) !== null) standing.push(quoteTable(table));
  await takeForDdl(sql, standing);
  await orBlocked('RESET_BLOCKED', { doing: `the data of ${mapping.id} cannot be dropped from the warehouse`, table: mapping.id, remedy: 'drop what depends on it, or reset without dropping data' }, async () => {
    await dropAsOf(sql, target); // ours, and depends on the table's row type
    if (standing.length > 0) await sql.query(`DROP TABLE ${standing.join(', ')}`);
  });
}

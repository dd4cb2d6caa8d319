import { ElstreamError, type TableMapping } from '@elstream/core';
import { quoteName, type Sql } from '@elstream/database';
import { readLockedStates } from '../control-state';
import { createMarkersSql } from '../ddl';
import { APPROXIMATE_COLUMN, BEGIN_COLUMN, CHANGE_COLUMN, DELETED_COLUMN, ENDED_COLUMN, suffixed, type Archive } from '../history/archive';
import { createArchive, createAsOf } from '../history/ddl';
import { archiveRows } from '../history/derive';
import type { Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { planAlterations } from './alterations';
import { isMisfit, orBlocked } from './blocked';
import { alter, type PlannedAlteration } from './evolve-table';
import { exclusively, lockDdl, takeForDdl } from './exclusively';
import { discardParked } from './lifecycle';
import { readRelation, readWanted, type Relation, type WantedColumn } from './relation';

/**
 * Columns are altered in place, in the emptied table, not dropped and added: so indexes, grants, comments and views
 * on them survive.
 */
export async function reshapeTable(parts: WarehouseParts, pipeline: string, to: TableMapping): Promise<void> {
  const target = await parts.targetOf(to);
  await exclusively(parts, pipeline, [to.id], async (sql) => {
    await lockDdl(sql, target.sql);
    const phase = (await readLockedStates(sql, pipeline, [to.id])).get(to.id)?.phase ?? 'new';
    if (phase !== 'stopped' && phase !== 'new') {
      throw new ElstreamError('TABLE_NOT_STOPPED', 'refuse', `the table is ${phase}; only a stopped table is emptied and given another shape`, { place: { pipeline, table: to.id } });
    }
    await orBlocked('EVOLUTION_BLOCKED', { doing: `${target.sql} in the warehouse cannot be given its new shape`, table: to.id, remedy: 'drop what stands in the way, or reset the table and drop its data' }, async () => {
      await reshape(sql, target);
    });
    // keys of another shape; the preload reads every row, and all of a copied history, anew
    await discardParked(sql, pipeline, [to.id], 'the table was emptied and given another shape');
    await sql.execute('DELETE FROM elstream.history_due WHERE pipeline = $1 AND table_id = $2', [pipeline, to.id]);
  });
}

async function reshape(sql: Sql, target: Target): Promise<void> {
  const wanted = await readWanted(sql, target.columns);
  const table = await readRelation(sql, target.table);
  const history = target.archive === null ? null : await readRelation(sql, target.archive.table);
  await takeForDdl(sql, [table, history].flatMap((r) => (r === null ? [] : [r.sql])));
  const emptied = table === null ? null : await emptyTable(sql, target, { table, history, wanted });
  await alterWithHistory(sql, target, { planned: emptied === null ? [] : [emptied.planned], history, wanted });
  await sql.query(`DROP TABLE IF EXISTS ${target.markerSql}`);
  await sql.query(createMarkersSql(target));
  if (target.archive === null || table === null) return;
  if (emptied?.sameKey === false) await dropHistoryIndexes(sql, target.archive);
  await createArchive(sql, target);
  await createAsOf(sql, target);
}

interface Standing {
  readonly table: Relation;
  readonly history: Relation | null;
  readonly wanted: readonly WantedColumn[];
}

async function emptyTable(sql: Sql, target: Target, { table, history, wanted }: Standing): Promise<{ readonly planned: PlannedAlteration; readonly sameKey: boolean }> {
  if (history !== null) await keepStandingRows(sql, target, table, history);
  await sql.query(`TRUNCATE ${table.sql}`);
  const key = await readPrimaryKey(sql, table);
  const sameKey = key !== null && key.columns.join('\0') === target.key.map((k) => k.name).join('\0');
  if (key !== null && !sameKey) await sql.query(`ALTER TABLE ${table.sql} DROP CONSTRAINT ${quoteName(key.name)}`);
  const { actions, ...plan } = planAlterations(table.columns, wanted, { retype: () => true, values: 'none', release: true });
  const keyActions = sameKey ? [] : [`ADD ${key === null ? '' : `CONSTRAINT ${quoteName(key.name)} `}PRIMARY KEY (${target.key.map((k) => k.quoted).join(', ')})`];
  return { planned: { relation: table, ...plan, actions: [...actions, ...keyActions] }, sameKey };
}

/** R13: what a preload is going to overwrite leaves an approximate version; here before the table is emptied, in its old shape. */
async function keepStandingRows(sql: Sql, target: Target, table: Relation, history: Relation): Promise<void> {
  const { archive } = target;
  if (archive?.kind !== 'derived') return;
  const own = new Set([DELETED_COLUMN, APPROXIMATE_COLUMN, ENDED_COLUMN, CHANGE_COLUMN, ...(archive.inRow ? [] : [archive.from.name, archive.to.name])]);
  const kept = new Set(history.columns.map((c) => c.name).filter((name) => !own.has(name)));
  const columns = table.columns.filter((c) => kept.has(c.name)).map((c) => ({ property: '', entityProperty: '', name: c.name, quoted: quoteName(c.name), type: c.type, collation: null, nullable: true }));
  const keepsBegin = table.columns.some((c) => c.name === BEGIN_COLUMN);
  await sql.execute(`${archiveRows({ ...target, keepsBegin }, { ...archive, columns }, { at: 'now()', deleted: false, approximate: 'true', position: 'NULL::pg_catalog.bytea' })} FROM ${table.sql} AS t`);
}

interface Reshaping {
  readonly planned: readonly PlannedAlteration[];
  readonly history: Relation | null;
  readonly wanted: readonly WantedColumn[];
}

/**
 * Versions are cast to the new types by their texts. Where one does not fit, the history table as it is gets another
 * name and a new one begins: a change that a person has accepted must not hang on what was once true.
 */
async function alterWithHistory(sql: Sql, target: Target, { planned, history, wanted }: Reshaping): Promise<void> {
  // keys in history are nullable, and need no bytewise order
  const cast = history === null ? null : { relation: history, ...planAlterations(history.columns, wanted, { retype: (have, want) => have.type !== want.type, values: 'by-text', release: false }) };
  const needed = [...planned, ...(cast === null ? [] : [cast])].filter((p) => p.actions.length > 0);
  if (cast === null || target.archive === null || cast.retyped.length === 0) {
    await alter(sql, needed, target);
    return;
  }
  await sql.query('SAVEPOINT elstream_reshape');
  try {
    await alter(sql, needed, target);
  } catch (error) {
    if (!isMisfit(error)) throw error;
    await sql.query('ROLLBACK TO SAVEPOINT elstream_reshape');
    await dropHistoryIndexes(sql, target.archive);
    const [now] = await sql.query<{ at: string }>(`SELECT to_char(now(), 'YYYYMMDDHH24MISS') AS at`);
    await sql.query(`ALTER TABLE ${target.archive.sql} RENAME TO ${quoteName(suffixed(target.archive.table.name, `_until_${now?.at ?? ''}`))}`);
    await alter(sql, planned.filter((p) => p.actions.length > 0), target);
  }
}

async function dropHistoryIndexes(sql: Sql, archive: Archive): Promise<void> {
  for (const index of [archive.indexName, archive.changeIndexName]) await sql.query(`DROP INDEX IF EXISTS ${quoteName(archive.table.schema)}.${index}`);
}

async function readPrimaryKey(sql: Sql, table: Relation): Promise<{ readonly name: string; readonly columns: readonly string[] } | null> {
  const [key] = await sql.query<{ name: string; columns: string[] }>(
    `SELECT c.conname::text AS name, (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns
       FROM pg_constraint c WHERE c.conrelid = $1::oid AND c.contype = 'p'`,
    [table.oid],
  );
  return key ?? null;
}

import { ElstreamError, type TableMapping } from '@elstream/core';
import { quoteName, type Sql } from '@elstream/database';
import { readLockedStates } from '../control-state';
import { createMarkersSql } from '../ddl';
import type { Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { planAlterations } from './alterations';
import { orBlocked } from './blocked';
import { alter, type PlannedAlteration } from './evolve-table';
import { exclusively, takeForDdl } from './exclusively';
import { discardParked } from './lifecycle';
import { readRelation, readWanted, type Relation, type WantedColumn } from './relation';

/**
 * Columns are altered in place, in the emptied table, not dropped and added: so indexes, grants, comments and views
 * on them survive. History keeps its rows; they are cast, and where one does not fit the new type it is refused.
 */
export async function reshapeTable(parts: WarehouseParts, pipeline: string, to: TableMapping): Promise<void> {
  const target = await parts.targetOf(to);
  await exclusively(parts, pipeline, [to.id], async (sql) => {
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
  const planned: PlannedAlteration[] = [];
  const table = await readRelation(sql, target.table);
  if (table !== null) {
    await takeForDdl(sql, [table.sql]);
    await sql.query(`TRUNCATE ${table.sql}`);
    const key = await readPrimaryKey(sql, table);
    const sameKey = key !== null && key.columns.join('\0') === target.key.map((k) => k.name).join('\0');
    if (key !== null && !sameKey) await sql.query(`ALTER TABLE ${table.sql} DROP CONSTRAINT ${quoteName(key.name)}`);
    const { actions, ...plan } = planAlterations(table.columns, wanted, { retype: () => true, values: 'none', release: true });
    const keyActions = sameKey ? [] : [`ADD ${key === null ? '' : `CONSTRAINT ${quoteName(key.name)} `}PRIMARY KEY (${target.key.map((k) => k.quoted).join(', ')})`];
    planned.push({ relation: table, ...plan, actions: [...actions, ...keyActions] });
  }
  planned.push(...(await planHistory(sql, target, wanted)));
  await alter(sql, planned.filter((p) => p.actions.length > 0), target);
  await sql.query(`DROP TABLE IF EXISTS ${target.markerSql}`);
  await sql.query(createMarkersSql(target));
}

/** Keys in history are nullable, and need no bytewise order. */
async function planHistory(sql: Sql, target: Target, wanted: readonly WantedColumn[]): Promise<PlannedAlteration[]> {
  const relation = target.mapping.history === undefined ? null : await readRelation(sql, target.mapping.history.target);
  if (relation === null) return [];
  return [{ relation, ...planAlterations(relation.columns, wanted, { retype: (have, want) => have.type !== want.type, values: 'by-text', release: false }) }];
}

async function readPrimaryKey(sql: Sql, table: Relation): Promise<{ readonly name: string; readonly columns: readonly string[] } | null> {
  const [key] = await sql.query<{ name: string; columns: string[] }>(
    `SELECT c.conname::text AS name, (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns
       FROM pg_constraint c WHERE c.conrelid = $1::oid AND c.contype = 'p'`,
    [table.oid],
  );
  return key ?? null;
}

import { ElstreamError, type TableMapping } from '@elstream/core';
import { bracket, nString, t, type Mssql } from '@elstream/database';
import { changedSince, readRelation, wantedColumn, type Relation, type StandingColumn, type WantedColumn } from '../catalog';
import { createMarkersSql, primaryKey } from '../ddl';
import { ddlLock, dynamic, UNLIMITED, waitShortly } from '../ddl-batch';
import { BEGIN_COLUMN, NOW, suffixed } from '../history/archive';
import { archiveRows, UNKNOWN_POSITION } from '../history/archive-rows';
import { createArchive, createAsOf, ownColumns } from '../history/ddl';
import { commit, leave, runTransaction, serverTransaction } from '../server-transaction';
import { readPrimaryKey } from '../table-problems';
import type { Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { planAlterations, type Alterations } from './alterations';
import { isMisfit, orBlocked, type Doing } from './blocked';
import { alterStatements, PLANS, race, refuseBlocked, refreshViews, withKey, type PlannedAlteration } from './evolve-table';
import { discardParked, forgetDue } from './lifecycle';

/**
 * Columns are altered in place, in the emptied table, as far as the server can: so indexes, grants and comments on them
 * survive. Versions are converted to the new types; where one does not fit, the history table as it is gets another name
 * and a new one begins: a change that a person has accepted must not hang on what was once true.
 */
export async function reshapeTable(parts: WarehouseParts, pipeline: string, to: TableMapping): Promise<void> {
  const { db } = parts;
  const target = await parts.targetOf(to);
  const what: Doing = { doing: `${target.sql} in the warehouse cannot be given its new shape`, table: to.id, remedy: 'drop what stands in the way, or reset the table and drop its data' };
  let history: Shaping['history'] = 'converted';
  for (let plan = 1; ; plan += 1) {
    const shaping = await planShape(db, target, history);
    await refuseBlocked(db, target, shaping.planned, what);
    try {
      const { outcome, row } = await orBlocked('EVOLUTION_BLOCKED', what, async () => shape(db, pipeline, target, shaping));
      if (outcome === 'reshaped') break;
      if (outcome === 'not-stopped') throw new ElstreamError('TABLE_NOT_STOPPED', 'refuse', `the table is ${String(row['phase'])}; only a stopped table is emptied and given another shape`, { place: { pipeline, table: to.id } });
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      history = 'renamed';
    }
    if (plan === PLANS) throw race(to);
  }
  await refreshViews(db, target);
}

class Misfit extends Error {}

async function shape(db: Mssql, pipeline: string, target: Target, shaping: Shaping): ReturnType<typeof runTransaction> {
  const statement = reshapeStatement(pipeline, target, { ...shaping, lockMs: db.lockMs });
  try {
    return await runTransaction(db, statement, { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(target.mapping.id, 300), tables: t.json([target.mapping.id]), note: t.nvarchar('the table was emptied and given another shape') }, UNLIMITED);
  } catch (error) {
    const converts = shaping.history === 'converted' && shaping.planned.some((p) => p.relation.sql === target.archive?.sql && p.retyped.length > 0);
    if (converts && isMisfit(error)) throw new Misfit();
    throw error;
  }
}

export interface Shaping {
  readonly table: Relation | null;
  readonly archive: Relation | null;
  readonly markers: Relation | null;
  /** Of target and archive. */
  readonly planned: readonly PlannedAlteration[];
  /** The key becomes another, or there is none. */
  readonly newKey: { readonly drop: string | null } | null;
  readonly history: 'converted' | 'renamed';
}

async function planShape(db: Mssql, target: Target, history: Shaping['history']): Promise<Shaping> {
  const wanted = target.columns.map(wantedColumn);
  const table = await readRelation(db, target.table);
  const archive = target.archive === null ? null : await readRelation(db, target.archive.table);
  const markers = await readRelation(db, target.markerTable);
  const planned: PlannedAlteration[] = [];
  let newKey: Shaping['newKey'] = null;
  if (table !== null) {
    const alterations: Alterations = planAlterations(table.columns, wanted, { retype: () => true, values: 'none', release: true });
    const key = await readPrimaryKey(db, table.id);
    const sameKey = key !== null && key.columns.join('\0') === target.key.map((k) => k.name).join('\0');
    const withItsKey = await withKey(db, target, table, alterations);
    if (!sameKey) newKey = { drop: key?.name ?? null };
    planned.push(sameKey ? withItsKey : { ...withItsKey, primaryKey: null });
  }
  if (archive !== null && history === 'converted') {
    // keys in history are nullable, and have the table's collation: the server compares no texts of two
    const recollated = (have: StandingColumn, want: WantedColumn): boolean => want.collation !== null && want.isKey && have.collation !== want.collation;
    planned.push(await withKey(db, target, archive, planAlterations(archive.columns, wanted, { retype: (have, want) => have.type !== want.type || recollated(have, want), values: 'kept', release: false })));
  }
  return { table, archive, markers, planned, newKey, history };
}

/** Outcomes `not-stopped` (with `phase`), `moved`, `reshaped`. */
export function reshapeStatement(pipeline: string, target: Target, of: Shaping & { readonly lockMs: number }): string {
  const { table, archive, markers, planned, newKey, lockMs } = of;
  const renamed = of.history === 'renamed' && archive !== null;
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    declare: 'DECLARE @phase nvarchar(64);',
    body: [
      ddlLock(target.sql, lockMs),
      'SELECT @phase = s.phase FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;',
      `IF @phase NOT IN (N'new', N'stopped')\n${leave('not-stopped', '@phase AS phase')}`,
      `IF ${changedSince([table, archive, markers].filter((r) => r !== null))}\n${leave('moved')}`,
      waitShortly(lockMs),
      ...(table === null ? [] : [keepStandingRows(target, table, archive), `TRUNCATE TABLE ${table.sql};`]),
      ...(table === null || newKey === null || newKey.drop === null ? [] : [`ALTER TABLE ${table.sql} DROP CONSTRAINT ${bracket(newKey.drop)};`]),
      ...(newKey === null || renamed ? [] : dropHistoryIndex(target, archive)),
      ...alterStatements(planned.filter((p) => p.actions.length > 0), target),
      ...(table === null || newKey === null ? [] : [dynamic(`ALTER TABLE ${table.sql} ADD ${primaryKey(target.key)}`)]),
      ...(renamed ? [renameHistory(target)] : []),
      `DROP TABLE IF EXISTS ${target.markerSql};`,
      createMarkersSql(target),
      ...(table === null ? [] : [createArchive(target, { table, archive: renamed ? null : archive }), createAsOf(target, { table: grown(table, planned), archive: renamed ? null : grown(archive, planned) }, true)]),
      // keys of another shape; the preload reads every row, and all of a copied history, anew
      discardParked,
      forgetDue,
      commit('reshaped'),
    ].filter((line) => line !== '').join('\n'),
  });
}

/** R13: what a preload is going to overwrite leaves an approximate version; here before the table is emptied, in its old shape. */
function keepStandingRows(target: Target, table: Relation, history: Relation | null): string {
  const { archive } = target;
  if (archive?.kind !== 'derived' || history === null) return '';
  const own = ownColumns(archive);
  const kept = new Set(history.columns.map((c) => c.name).filter((name) => !own.has(name)));
  const columns = table.columns.filter((c) => kept.has(c.name)).map((c) => ({ property: '', entityProperty: '', name: c.name, quoted: bracket(c.name), type: c.type, kind: { kind: 'other' as const }, collation: null, nullable: true }));
  const keepsBegin = table.columns.some((c) => c.name === BEGIN_COLUMN);
  return dynamicWithNow(`${archiveRows({ ...target, keepsBegin }, { ...archive, columns }, { at: NOW, deleted: '0', approximate: '1', position: UNKNOWN_POSITION }, true)} FROM ${table.sql} AS t`);
}

function dynamicWithNow(statement: string): string {
  return dynamic(statement, `N'@now datetime2(6)', @now = ${NOW}`);
}

function dropHistoryIndex(target: Target, archive: Relation | null): string[] {
  return target.archive === null || archive === null ? [] : [`DROP INDEX IF EXISTS ${bracket(target.archive.indexName)} ON ${archive.sql};`];
}

/** Its indexes go with it: their names are its own. */
function renameHistory({ archive }: Target): string {
  if (archive === null) return '';
  const stem = suffixed(archive.table.name, '_until_00000000000000').slice(0, -'00000000000000'.length);
  return `DECLARE @renamed sysname = CONCAT(${nString(stem)}, REPLACE(REPLACE(REPLACE(CONVERT(varchar(19), @now, 120), '-', ''), ':', ''), ' ', ''));
EXEC sys.sp_rename ${nString(archive.sql)}, @renamed, N'OBJECT';`;
}

/** With the columns that are added; the begin comes and goes by itself. */
function grown<R extends Relation | null>(relation: R, planned: readonly PlannedAlteration[]): R {
  if (relation === null) return relation;
  const added = planned.find((p) => p.relation.sql === relation.sql)?.added ?? [];
  const column = (name: string): Relation['columns'][number] => ({ name, type: '', collation: null, nullable: true, filled: false, unwritable: null });
  return { ...relation, columns: [...relation.columns, ...added.map(column)] };
}

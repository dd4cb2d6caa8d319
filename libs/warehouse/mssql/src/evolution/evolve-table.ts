import { ElstreamError, type SchemaChange, type TableMapping } from '@elstream/core';
import { bracket, bracketTable, t, type Mssql, type MssqlParams } from '@elstream/database';
import { changedSince, readRelation, wantedColumn, type Relation, type WantedColumn } from '../catalog';
import { ddlLock, dynamic, UNLIMITED, waitShortly } from '../ddl-batch';
import { primaryKey } from '../ddl';
import { APPROXIMATE_COLUMN, BEGIN_COLUMN, CHANGE_COLUMN } from '../history/archive';
import { historyColumns, makeAsOf } from '../history/ddl';
import { commit, leave, runTransaction, serverTransaction } from '../server-transaction';
import { readPrimaryKey } from '../table-problems';
import type { Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { isWidening, planAlterations, type Alterations } from './alterations';
import { blocked, orBlocked, readBlockers, readDependents, type Doing } from './blocked';
import { forgetDropped, markStale } from './stale';

/** A table and what is to be done to it. */
export interface PlannedAlteration extends Alterations {
  readonly relation: Relation;
  /** Name of its primary key, if that has to be made again since one of its columns is given another type. */
  readonly primaryKey: string | null;
  /** Indexes of ours that have to be made again, as `DROP INDEX` and `CREATE INDEX` end. */
  readonly indexes: readonly { readonly name: string; readonly on: string }[];
}

/** Plans made anew where the catalog changed between planning and doing. */
export const PLANS = 5;

/**
 * What is done is told by comparing the catalog with the mapping, not by `change` alone: done twice, or by two
 * processes, it is done once. `change` says what may be done: nothing but what is named in it is given another type.
 */
export async function evolveTable(parts: WarehouseParts, pipeline: string, to: TableMapping, change: SchemaChange): Promise<void> {
  const { db } = parts;
  const target = await parts.targetOf(to);
  const what: Doing = { doing: `${target.sql} in the warehouse cannot follow the source's schema`, table: to.id, remedy: 'drop what stands in the way (it can be made again afterwards), or reset the table' };
  for (let plan = 1; ; plan += 1) {
    const planned = await planEvolution(db, target, change);
    await refuseBlocked(db, target, planned, what);
    const statement = evolveStatement(pipeline, target, { planned, change, lockMs: db.lockMs });
    const { outcome } = await orBlocked('EVOLUTION_BLOCKED', what, async () => runTransaction(db, statement, params(pipeline, to, change), UNLIMITED));
    if (outcome === 'evolved') break;
    if (plan === PLANS) throw race(to);
  }
  await refreshViews(db, target);
}

export function race(to: TableMapping): ElstreamError {
  return new ElstreamError('EVOLUTION_RACE', 'retry', 'the warehouse table is being altered by somebody else; looked at again', { place: { table: to.id } });
}

function params(pipeline: string, to: TableMapping, change: SchemaChange): MssqlParams {
  return { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(to.id, 300), added: t.json(change.added), dropped: t.json(change.dropped) };
}

/** Outcomes `moved` (the tables are no longer as they were planned for), `evolved`. */
export function evolveStatement(pipeline: string, target: Target, of: { readonly planned: readonly PlannedAlteration[]; readonly change: SchemaChange; readonly lockMs: number }): string {
  const { planned, change, lockMs } = of;
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    body: [
      ddlLock(target.sql, lockMs),
      `IF ${changedSince(planned.map((p) => p.relation))}\n${leave('moved')}`,
      waitShortly(lockMs),
      ...alterStatements(planned.filter((p) => p.actions.length > 0), target),
      ...(planned.some((p) => p.actions.length > 0) ? [asOfAfter(target, planned)] : []),
      markIncomplete(target, planned),
      ...(change.dropped.length > 0 ? [forgetDropped] : []),
      ...(change.added.length > 0 ? [markStale] : []),
      commit('evolved'),
    ].filter((line) => line !== '').join('\n'),
  });
}

/** Copied versions lack the values of added columns until they are read again, by the preload that follows. All of them: by one lock. */
function markIncomplete(target: Target, planned: readonly PlannedAlteration[]): string {
  const { archive } = target;
  const grown = planned.some((p) => p.added.length > 0 && p.relation.sql === archive?.sql);
  return archive?.kind === 'copied' && grown ? `UPDATE h SET h.${APPROXIMATE_COLUMN} = 1 FROM ${archive.sql} AS h WITH (TABLOCKX) WHERE h.${APPROXIMATE_COLUMN} = 0;` : '';
}

async function planEvolution(db: Mssql, target: Target, change: SchemaChange): Promise<PlannedAlteration[]> {
  const { mapping } = target;
  const named = new Set(mapping.columns.filter((c) => change.widened.includes(c.source)).map((c) => c.target));
  // kept from a column that was dropped before, whatever its type was: its values come again with the preload
  const returned = new Set(mapping.columns.filter((c) => change.added.includes(c.source)).map((c) => c.target));
  const retype = (have: { name: string; type: string }, wanted: WantedColumn): boolean => have.type !== wanted.type && (returned.has(have.name) || (named.has(have.name) && isWidening(have.type, wanted.type)));
  const wanted = target.columns.map(wantedColumn);
  const planned: PlannedAlteration[] = [];
  const plan = async (table: TableMapping['target'], columns: readonly WantedColumn[], release: boolean): Promise<void> => {
    const relation = await readRelation(db, table);
    if (relation !== null) planned.push(await withKey(db, target, relation, planAlterations(relation.columns, columns, { retype, values: 'kept', release })));
  };
  await plan(target.table, wanted, change.dropped.length > 0);
  await plan(target.markerTable, target.key.map(wantedColumn), false);
  if (target.archive !== null) await plan(target.archive.table, wanted, false);
  return planned;
}

/** A key's column cannot be given another type while the key, or an index on it, stands. */
export async function withKey(db: Mssql, target: Target, relation: Relation, alterations: Alterations): Promise<PlannedAlteration> {
  const { archive } = target;
  const touched = target.key.some((k) => alterations.retyped.some((c) => c.name === k.name));
  const ofArchive = relation.sql === archive?.sql;
  const key = touched && !ofArchive ? await readPrimaryKey(db, relation.id) : null;
  const indexes = touched && ofArchive ? [{ name: archive.indexName, on: `(${archive.key.map((c) => c.quoted).join(', ')})` }] : [];
  return { relation, ...alterations, primaryKey: key?.name ?? null, indexes };
}

/** @throws ElstreamError `EVOLUTION_BLOCKED` that names what hangs on columns which are given another type */
export async function refuseBlocked(db: Mssql, target: Target, planned: readonly PlannedAlteration[], what: Doing): Promise<void> {
  const own = target.archive === null ? [] : [target.archive.indexName, target.archive.changeIndexName];
  for (const { relation, retyped } of planned) {
    const blockers = await readBlockers(db, relation.id, retyped.map((c) => c.name), own);
    if (blockers.length > 0) throw blocked('EVOLUTION_BLOCKED', what, `${blockers.join(', ')} ${blockers.length === 1 ? 'stands' : 'stand'} in the way`);
  }
}

/** Each compiled when it is reached, for it names columns that the one before it has made. */
export function alterStatements(planned: readonly PlannedAlteration[], target: Target): string[] {
  return planned.flatMap(({ relation, actions, primaryKey: key, indexes }) => {
    const { sql } = relation;
    return [
      ...indexes.map(({ name }) => `DROP INDEX IF EXISTS ${bracket(name)} ON ${sql};`),
      ...(key === null ? [] : [`ALTER TABLE ${sql} DROP CONSTRAINT ${bracket(key)};`]),
      ...actions.map((action) => dynamic(`ALTER TABLE ${sql} ${action}`)),
      ...(key === null ? [] : [dynamic(`ALTER TABLE ${sql} ADD CONSTRAINT ${bracket(key)} ${primaryKey(target.key)}`)]),
      ...indexes.map(({ name, on }) => dynamic(`CREATE INDEX ${bracket(name)} ON ${sql} ${on}`)),
    ];
  });
}

/** The function "as of" names all columns. */
function asOfAfter(target: Target, planned: readonly PlannedAlteration[]): string {
  const { archive } = target;
  const table = planned.find((p) => p.relation.sql === target.sql);
  const old = planned.find((p) => p.relation.sql === archive?.sql);
  if (archive === null || table === undefined || old === undefined) return '';
  const columns = historyColumns(target, { table: table.relation, archive: old.relation });
  const grown = (names: readonly string[], added: readonly string[]): string[] => [...names.filter((n) => n !== BEGIN_COLUMN && n !== CHANGE_COLUMN), ...added, ...names.filter((n) => n === BEGIN_COLUMN || n === CHANGE_COLUMN)];
  return makeAsOf(target, archive, { ...columns, current: grown(columns.current, table.added), old: grown(columns.old, old.added) });
}

/**
 * Views that select `*`, or whose columns' types were taken from the table, know nothing of the change until they are
 * refreshed. After the commit, each by itself: a view that does not compile is no reason to stop, and was none before.
 */
export function refreshStatement(views: readonly string[]): string {
  return ['SET XACT_ABORT OFF;', ...views.map((view) => `BEGIN TRY\n  EXEC sys.sp_refreshview N'${view.replaceAll("'", "''")}';\nEND TRY\nBEGIN CATCH\n  SELECT ERROR_NUMBER() AS number;\nEND CATCH;`), 'SET XACT_ABORT ON;'].join('\n');
}

export async function refreshViews(db: Mssql, target: Target): Promise<void> {
  const views: string[] = [];
  for (const table of [target.sql, ...(target.archive === null ? [] : [target.archive.sql])]) {
    for (const found of await readDependents(db, table)) if (found.kind === 'V') views.push(bracketTable(found));
  }
  if (views.length > 0) await db.sets(refreshStatement([...new Set(views)]));
}

import type { SchemaChange, TableMapping } from '@elstream/core';
import { type Sql } from '@elstream/database';
import { APPROXIMATE_COLUMN } from '../history/archive';
import { createAsOf } from '../history/ddl';
import type { Target } from '../target';
import type { WarehouseParts } from '../warehouse-parts';
import { isWidening, planAlterations, type Alterations } from './alterations';
import { orBlocked } from './blocked';
import { exclusively, lockDdl, takeForDdl } from './exclusively';
import { forgetDropped, markStale } from './stale';
import { readRelation, readWanted, type Relation, type WantedColumn } from './relation';
import { dropViews, makeViews, saveViews } from './views';

/**
 * What is done is told by comparing the catalog with the mapping, not by `change` alone: done twice, or by two
 * processes, it is done once. `change` says what may be done: nothing but what is named in it is given another type.
 */
export async function evolveTable(parts: WarehouseParts, pipeline: string, to: TableMapping, change: SchemaChange): Promise<void> {
  const target = await parts.targetOf(to);
  await exclusively(parts, pipeline, [to.id], async (sql) => {
    await lockDdl(sql, target.sql);
    await orBlocked('EVOLUTION_BLOCKED', { doing: `${target.sql} in the warehouse cannot follow the source's schema`, table: to.id, remedy: 'drop what stands in the way (it can be made again afterwards), or reset the table' }, async () => {
      const planned = await planEvolution(sql, target, change);
      await alter(sql, planned, target);
      await markIncomplete(sql, target, planned);
    });
    await forgetDropped(sql, pipeline, to.id, change.dropped);
    await markStale(sql, pipeline, to, change.added);
  });
}

/** Copied versions lack the values of added columns until they are read again, by the preload that follows. */
async function markIncomplete(sql: Sql, target: Target, planned: readonly PlannedAlteration[]): Promise<void> {
  const { archive } = target;
  const grown = planned.some((p) => p.added.length > 0 && p.relation.sql === archive?.sql);
  if (archive?.kind === 'copied' && grown) await sql.execute(`UPDATE ${archive.sql} SET ${APPROXIMATE_COLUMN} = true WHERE NOT ${APPROXIMATE_COLUMN}`);
}

/** A table and what is to be done to it. */
export interface PlannedAlteration extends Alterations {
  readonly relation: Relation;
}

async function planEvolution(sql: Sql, target: Target, change: SchemaChange): Promise<PlannedAlteration[]> {
  const { mapping } = target;
  const named = new Set(mapping.columns.filter((c) => change.widened.includes(c.source)).map((c) => c.target));
  // kept from a column that was dropped before, whatever its type was: its values come again with the preload
  const returned = new Set(mapping.columns.filter((c) => change.added.includes(c.source)).map((c) => c.target));
  const rules = {
    retype: (have: { name: string; type: string }, wanted: WantedColumn) => have.type !== wanted.type && (returned.has(have.name) || (named.has(have.name) && isWidening(have.type, wanted.type))),
    values: 'kept' as const,
    release: change.dropped.length > 0,
  };
  const wanted = await readWanted(sql, target.columns);
  const keys = target.key.map((k) => wanted.find((w) => w.name === k.name)).filter((w) => w !== undefined);
  const planned: PlannedAlteration[] = [];
  const plan = async (table: TableMapping['target'], columns: readonly WantedColumn[], release: boolean): Promise<void> => {
    const relation = await readRelation(sql, table);
    if (relation !== null) planned.push({ relation, ...planAlterations(relation.columns, columns, { ...rules, release }) });
  };
  await plan(target.table, wanted, rules.release);
  await plan(target.markerTable, keys, false);
  if (mapping.history !== undefined) await plan(mapping.history.target, wanted, false);
  return planned.filter((p) => p.actions.length > 0);
}

/** Alters tables; views that use a column which is given another type are made again round it. */
export async function alter(sql: Sql, planned: readonly PlannedAlteration[], target: Target): Promise<void> {
  await takeForDdl(sql, planned.map((p) => p.relation.sql));
  const views = await saveViews(sql, target.mapping.id, planned.flatMap((p) => p.retyped.map((c) => ({ oid: p.relation.oid, attnum: c.attnum }))));
  await dropViews(sql, views);
  for (const { relation, actions } of planned) await sql.query(`ALTER TABLE ${relation.sql} ${actions.join(', ')}`);
  // views may stand on the function "as of", which returns the table's rows
  if (target.archive !== null && planned.length > 0 && (await readRelation(sql, target.table)) !== null && (await readRelation(sql, target.archive.table)) !== null) await createAsOf(sql, target);
  await makeViews(sql, views);
}

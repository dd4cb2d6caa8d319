import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ControlStore, DeadLetter, DeadLetterCount, DeadLetterFilter, ReplayableTable, SchemaChangeRecord, ValidationRecord } from '@elstream/control';
import { inTransaction } from '@elstream/database';
import type { DataSource, EntityManager, QueryDeepPartialEntity, WhereExpressionBuilder } from 'typeorm';
import { dialectOf, type ControlDialect } from './dialect';
import { deadLetterEntity, schemaChangeEntity, validationEntity, type DeadLetterRow, type SchemaChangeRow, type ValidationRow } from './healing-entities';
import { onControl } from './on-control';
import { lockPipeline } from './pipelines';
import { storable, toDeadLetter, toSchemaChange, toValidation } from './rows';

/** The list leaves out what may be megabytes. */
const LISTED = ['id', 'seq', 'pipeline', 'tableId', 'state', 'origin', 'op', 'key', 'oldKey', 'code', 'reason', 'position', 'committedAtUs', 'epoch', 'parkedAt', 'settledAt', 'note', 'replays'] as const satisfies readonly (keyof DeadLetterRow)[];

export async function readDeadLetters(db: DataSource, filter: Parameters<ControlStore['readDeadLetters']>[0]): Promise<readonly DeadLetter[]> {
  return onControl(db, async ({ runner: { manager } }) => {
    const query = manager.createQueryBuilder(deadLetterEntity, 'd').select(LISTED.map((column) => `d.${column}`));
    narrow(query, filter, 'd.', dialectOf(db));
    // Ids are random; the order is that of parking. An id that is gone ends the list.
    if (filter.after !== undefined) query.andWhere(`d.seq < (SELECT a.seq FROM ${dialectOf(db).table('dead_letter')} a WHERE a.id = :after)`, { after: filter.after });
    const rows = await query.orderBy('d.seq', 'DESC').limit(filter.limit).getMany();
    return rows.map((row) => toDeadLetter({ ...row, bytes: Buffer.alloc(0), row: null }));
  });
}

export async function readDeadLetter(db: DataSource, id: string): Promise<DeadLetter | null> {
  return onControl(db, async ({ runner: { manager } }) => {
    const row = await manager.findOneBy(deadLetterEntity, { id });
    return row === null ? null : toDeadLetter(row);
  });
}

export async function countDeadLetters(db: DataSource, pipeline: string): Promise<readonly DeadLetterCount[]> {
  return onControl(db, async ({ runner: { manager } }) => {
    const rows = await manager
      .createQueryBuilder(deadLetterEntity, 'd')
      .select('d.table_id', 'table')
      .addSelect('d.code', 'code')
      .addSelect('d.state', 'state')
      .addSelect('count(*)', 'count')
      .where('d.pipeline = :pipeline', { pipeline })
      .groupBy('d.table_id')
      .addGroupBy('d.code')
      .addGroupBy('d.state')
      .orderBy('d.table_id')
      .addOrderBy('d.code')
      .addOrderBy('d.state')
      .getRawMany<Omit<DeadLetterCount, 'count'> & { count: string }>();
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  });
}

/** The state is no parameter: with one, SQL Server does not read the index of those parked. */
export async function replayableTables(db: DataSource, pipeline: string, code: string): Promise<readonly ReplayableTable[]> {
  return onControl(db, async ({ runner: { manager } }) =>
    manager
      .createQueryBuilder(deadLetterEntity, 'd')
      .select('d.table_id', 'table')
      .addSelect('max(d.parked_at)', 'newestParkedAt')
      .addSelect('min(d.replays)', 'leastReplays')
      .where("d.pipeline = :pipeline AND d.state = 'parked' AND d.code = :code AND d.key IS NOT NULL", { pipeline, code })
      .groupBy('d.table_id')
      .orderBy('d.table_id')
      .getRawMany<ReplayableTable>(),
  );
}

/** A replay that settles one at this moment wins or loses by the row's lock: of the two, one finds it no longer parked. */
export async function discardDeadLetters(db: DataSource, filter: DeadLetterFilter, reason: string): Promise<number> {
  return onControl(db, async ({ runner: { manager } }) => {
    const update = manager
      .createQueryBuilder()
      .update(deadLetterEntity)
      .set({ state: 'discarded', settledAt: dialectOf(db).now, note: storable(reason) });
    narrow(update, filter, '', dialectOf(db));
    return (await update.andWhere("state = 'parked'").execute()).affected ?? 0;
  });
}

export async function noteReplay(db: DataSource, id: string, note: string): Promise<void> {
  await onControl(db, ({ runner: { manager } }) => manager.update(deadLetterEntity, { id, state: 'parked' }, { note: storable(note), replays: () => 'replays + 1' }));
}

/** `of`: how columns are named, `d.` in a query of alias d, nothing in an UPDATE. */
function narrow<Q extends WhereExpressionBuilder>(query: Q, filter: DeadLetterFilter, of: string, { isOneOf }: ControlDialect): void {
  query.andWhere(`${of}pipeline = :pipeline`, { pipeline: filter.pipeline });
  if (filter.ids !== undefined) {
    const piece = isOneOf(`${of}id`, filter.ids);
    query.andWhere(piece.sql, piece.parameters);
  }
  if (filter.table !== undefined) query.andWhere(`${of}table_id = :table`, { table: filter.table });
  if (filter.code !== undefined) query.andWhere(`${of}code = :code`, { code: filter.code });
  if (filter.state !== undefined) query.andWhere(`${of}state = :state`, { state: filter.state });
}

/** The pipeline's row is locked: of two processes that notice a change at once, the second finds it noted. On PostgreSQL. */
export async function addSchemaChange(db: DataSource, change: ChangeToAdd): Promise<SchemaChangeRecord> {
  return inTransaction(db, async ({ runner: { manager } }) => {
    await lockPipeline(manager, change.pipeline);
    const what = whatChanged(change);
    const of = { pipeline: change.pipeline, tableId: change.table };
    const last = await manager.findOne(schemaChangeEntity, { where: of, order: { seq: 'DESC' } });
    if (last !== null && isNoted(last, change)) return toSchemaChange(last);
    await manager.update(schemaChangeEntity, { ...of, state: 'proposed' }, { state: 'obsolete', decidedAt: dialectOf(db).now });
    const id = await insertChange(manager, { ...of, state: change.state, change: what });
    return toSchemaChange(await manager.findOneByOrFail(schemaChangeEntity, { id }));
  });
}

export type ChangeToAdd = Parameters<ControlStore['addSchemaChange']>[0];

/** As it is stored. */
export function whatChanged({ change: { added, dropped, widened, obstacles } }: ChangeToAdd): SchemaChangeRecord['change'] {
  return { added: [...added], dropped: [...dropped], widened: [...widened], obstacles: [...obstacles] };
}

/** The last change of the table says the same, and still stands. */
export function isNoted(last: Pick<SchemaChangeRow, 'state' | 'change'>, change: ChangeToAdd): boolean {
  const standing = last.state === 'proposed' || last.state === 'followed';
  return standing && last.state === change.state && isDeepStrictEqual(last.change, whatChanged(change));
}

async function insertChange(manager: EntityManager, values: Pick<SchemaChangeRow, 'pipeline' | 'tableId' | 'state' | 'change'>): Promise<string> {
  const id = randomUUID();
  const into = manager.createQueryBuilder().insert().into(schemaChangeEntity);
  await into.values({ id, ...values } as QueryDeepPartialEntity<SchemaChangeRow>).updateEntity(false).execute();
  return id;
}

export async function readSchemaChanges(db: DataSource, filter: Parameters<ControlStore['readSchemaChanges']>[0]): Promise<readonly SchemaChangeRecord[]> {
  return onControl(db, async ({ runner: { manager } }) => {
    const { pipeline, table, state, limit } = filter;
    const where = { pipeline, ...(table === undefined ? {} : { tableId: table }), ...(state === undefined ? {} : { state }) };
    return (await manager.find(schemaChangeEntity, { where, order: { seq: 'DESC' }, take: limit })).map(toSchemaChange);
  });
}

export async function readSchemaChange(db: DataSource, id: string): Promise<SchemaChangeRecord | null> {
  return onControl(db, async ({ runner: { manager } }) => {
    const row = await manager.findOneBy(schemaChangeEntity, { id });
    return row === null ? null : toSchemaChange(row);
  });
}

export async function decideSchemaChange(db: DataSource, id: string, state: 'accepted' | 'declined'): Promise<boolean> {
  const decided = await onControl(db, ({ runner: { manager } }) => manager.update(schemaChangeEntity, { id, state: 'proposed' }, { state, decidedAt: dialectOf(db).now }));
  return decided.affected !== 0;
}

/** Inserts or replaces. On PostgreSQL. */
export async function saveValidation(db: DataSource, record: Omit<ValidationRecord, 'finishedAt'>): Promise<void> {
  const { table: tableId, rowsCompared, confirmedEqual, unverified, differences, ...rest } = record;
  const counts = { rowsCompared: String(rowsCompared), confirmedEqual: String(confirmedEqual), unverified: String(unverified), differences: String(differences) };
  const values = { ...rest, tableId, ...counts, finishedAt: dialectOf(db).now } as QueryDeepPartialEntity<ValidationRow>;
  await onControl(db, ({ runner: { manager } }) =>
    manager
      .createQueryBuilder()
      .insert()
      .into(validationEntity)
      .values(values)
      .orUpdate(['scope', 'position', 'rows_compared', 'confirmed_equal', 'unverified', 'differences', 'finished_at'], ['pipeline', 'table_id', 'run_id'])
      .updateEntity(false)
      .execute(),
  );
}

export async function readValidations(db: DataSource, filter: Parameters<ControlStore['readValidations']>[0]): Promise<readonly ValidationRecord[]> {
  return onControl(db, async ({ runner: { manager } }) => {
    const query = manager.createQueryBuilder(validationEntity, 'v').where('v.pipeline = :pipeline', { pipeline: filter.pipeline });
    if (filter.table !== undefined) query.andWhere('v.table_id = :table', { table: filter.table });
    if (filter.good !== undefined) query.andWhere(filter.good ? 'v.differences = 0 AND v.unverified = 0' : '(v.differences <> 0 OR v.unverified <> 0)');
    return (await query.orderBy('v.seq', 'DESC').limit(filter.limit).getMany()).map(toValidation);
  });
}

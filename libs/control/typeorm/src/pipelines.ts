import { isDeepStrictEqual } from 'node:util';
import { ElstreamError, type SourceIdentity } from '@elstream/core';
import type { PipelineRecord, StoredMapping } from '@elstream/control';
import { checkpointEntity, inTransaction, tableStateEntity, taskEntity } from '@elstream/database';
import type { DataSource, EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { dialectOf } from './dialect';
import { pipelineEntity, pipelineTableEntity, runEntity, type PipelineRow } from './entities';
import { healingEntities } from './healing-entities';
import { onControl } from './on-control';
import { storable, toPipeline } from './rows';

export async function registerPipeline(db: DataSource, name: string): Promise<PipelineRecord> {
  return onControl(db, async ({ runner: { manager } }) => {
    await dialectOf(db).insertPipeline(manager, name);
    const row = await manager.findOneBy(pipelineEntity, { name });
    if (row === null) throw unknownPipeline(name);
    return toPipeline(row);
  });
}

export async function readPipelines(db: DataSource): Promise<readonly PipelineRecord[]> {
  return onControl(db, async ({ runner: { manager } }) => (await manager.find(pipelineEntity, { order: { name: 'ASC' } })).map(toPipeline));
}

export async function readPipeline(db: DataSource, name: string): Promise<PipelineRecord | null> {
  return onControl(db, async ({ runner: { manager } }) => {
    const row = await manager.findOneBy(pipelineEntity, { name });
    return row === null ? null : toPipeline(row);
  });
}

export async function setPaused(db: DataSource, name: string, paused: boolean): Promise<boolean> {
  return onControl(db, async ({ runner: { manager } }) => {
    const changed = await manager.update(pipelineEntity, { name, paused: !paused }, { paused });
    if (changed.affected === 0 && !(await manager.existsBy(pipelineEntity, { name }))) throw unknownPipeline(name);
    return changed.affected !== 0;
  });
}

export async function setStreamError(db: DataSource, name: string, error: string | null): Promise<void> {
  await updatePipeline(db, name, { streamError: error === null ? null : storable(error) });
}

export async function setIdentity(db: DataSource, name: string, identity: SourceIdentity): Promise<void> {
  await updatePipeline(db, name, { identity: { system: identity.system, fork: identity.fork } });
}

export async function setGap(db: DataSource, name: string, reason: string | null): Promise<void> {
  await updatePipeline(db, name, { gapReason: reason === null ? null : storable(reason) });
}

export async function nextCounter(db: DataSource, name: string): Promise<bigint> {
  return onControl(db, async ({ runner: { manager } }) => {
    const result = await manager
      .createQueryBuilder()
      .update(pipelineEntity)
      .set({ counter: () => 'counter + 1' })
      .where({ name })
      .returning(['counter'])
      .execute();
    const [row] = result.raw as { counter: string }[];
    if (row === undefined) throw unknownPipeline(name);
    return BigInt(row.counter);
  });
}

/** Tables that have a column `pipeline` and no foreign key. */
export const OF_PIPELINE = [taskEntity, tableStateEntity, checkpointEntity, ...healingEntities] as const;

/**
 * Locks from the pipeline downwards, in the order createRun (pipeline) and endRun (run, then tasks) take theirs. A
 * chunk or batch still in hand elsewhere then finds its task or checkpoint gone and gives up. On PostgreSQL.
 */
export async function removePipeline(db: DataSource, name: string): Promise<void> {
  await inTransaction(db, async ({ runner: { manager } }) => {
    await manager.findOne(pipelineEntity, { where: { name }, lock: { mode: 'pessimistic_write' } });
    await manager.find(runEntity, { where: { pipeline: name }, order: { seq: 'ASC' }, lock: { mode: 'pessimistic_write' } });
    for (const { options } of OF_PIPELINE) await manager.createQueryBuilder().delete().from(options.name).where('pipeline = :name', { name }).execute();
    // Mappings, runs and their events go with it (ON DELETE CASCADE).
    await manager.delete(pipelineEntity, { name });
  });
}

/** Replaces the pipeline's mappings. Secrets of masks are left out (R10). On PostgreSQL. */
export async function saveMappings(db: DataSource, pipeline: string, mappings: readonly StoredMapping[]): Promise<void> {
  await inTransaction(db, async ({ runner: { manager } }) => {
    // Two writers would otherwise insert the same keys after deleting the same rows.
    await lockPipeline(manager, pipeline);
    await manager.delete(pipelineTableEntity, { pipeline });
    for (const [ordinal, mapping] of mappings.entries()) {
      await manager
        .createQueryBuilder()
        .insert()
        .into(pipelineTableEntity)
        .values({ pipeline, tableId: mapping.id, ordinal, mapping: withoutSecrets(mapping) as QueryDeepPartialEntity<StoredMapping> })
        .updateEntity(false)
        .execute();
    }
  });
}

/** Conditional on what stands, secrets of masks left out on both sides. On PostgreSQL. */
export async function replaceMapping(db: DataSource, pipeline: string, from: StoredMapping, to: StoredMapping): Promise<boolean> {
  return inTransaction(db, async ({ runner: { manager } }) => {
    await lockPipeline(manager, pipeline);
    const row = await manager.findOneBy(pipelineTableEntity, { pipeline, tableId: from.id });
    if (row === null || !isStored(row.mapping, from)) return false;
    await manager.update(pipelineTableEntity, { pipeline, tableId: from.id }, { mapping: withoutSecrets(to) as QueryDeepPartialEntity<StoredMapping> });
    return true;
  });
}

/** Compared as it comes back from JSON: keys that are undefined are not there. */
export function isStored(stored: unknown, mapping: StoredMapping): boolean {
  return isDeepStrictEqual(stored, JSON.parse(JSON.stringify(withoutSecrets(mapping))));
}

export async function readMappings(db: DataSource, pipeline: string): Promise<readonly StoredMapping[]> {
  return onControl(db, async ({ runner: { manager } }) =>
    (await manager.find(pipelineTableEntity, { where: { pipeline }, order: { ordinal: 'ASC' } })).map((row) => row.mapping),
  );
}

/** Holds off other changes of the pipeline and its tables; throws `PIPELINE_UNKNOWN`. On PostgreSQL. */
export async function lockPipeline(manager: EntityManager, name: string): Promise<PipelineRow> {
  const row = await manager.findOne(pipelineEntity, { where: { name }, lock: { mode: 'for_no_key_update' } });
  if (row === null) throw unknownPipeline(name);
  return row;
}

export function unknownPipeline(name: string): ElstreamError {
  return new ElstreamError('PIPELINE_UNKNOWN', 'refuse', `there is no pipeline '${name}'; register it first (it may just have been removed)`, {
    place: { pipeline: name },
  });
}

async function updatePipeline(db: DataSource, name: string, values: Partial<Pick<PipelineRow, 'streamError' | 'identity' | 'gapReason'>>): Promise<void> {
  const result = await onControl(db, ({ runner: { manager } }) => manager.update(pipelineEntity, { name }, values));
  if (result.affected === 0) throw unknownPipeline(name);
}

export function withoutSecrets(mapping: StoredMapping): StoredMapping {
  return { ...mapping, columns: mapping.columns.map((c) => (c.mask?.kind === 'hash' ? { ...c, mask: { kind: 'hash', secret: '' } } : c)) };
}

import { laneOf, type Run, type SchemaChangeRecord } from '@elstream/control';
import { ElstreamError, type TableMapping } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { tell } from '../tell';
import { describeExisting } from './described';
import { activeLoadRun } from './load-run';

/** What a person's decision needs. */
export type DecisionDeps = Pick<ReplicationDeps, 'registry' | 'store' | 'bus' | 'logger'>;

/**
 * Accepts a proposal: the warehouse table is emptied and takes the shape the source has *now*, and a run of all stages loads
 * it. The decision is noted last, so what fails before can be tried again.
 *
 * @returns the run
 * @throws ElstreamError (refuse) `SCHEMA_CHANGE_UNKNOWN`, `SCHEMA_CHANGE_DECIDED`, `PIPELINE_UNKNOWN`, `RUN_ACTIVE`, `TABLE_NOT_REPLICABLE`, `EVOLUTION_BLOCKED`
 */
export async function acceptSchemaChange(deps: DecisionDeps, id: string): Promise<Run> {
  const { store, registry, logger } = deps;
  const change = await proposal(deps, id);
  const pipeline = registry.get(change.pipeline);
  // Refused before the table is emptied.
  const load = await activeLoadRun(store, pipeline.name);
  if (load !== null) throw new ElstreamError('RUN_ACTIVE', 'refuse', `run ${load.run.id} of the pipeline has not ended; wait for it or cancel it`, { place: { pipeline: pipeline.name } });
  const mapping = await mappingNow(pipeline, change.table);
  await pipeline.warehouse.reshapeTable(pipeline.name, mapping);
  const run = await store.createRun({ pipeline: pipeline.name, reason: 'schema-change', tables: [change.table] });
  await store.decideSchemaChange(id, 'accepted');
  logger.info({ pipeline: pipeline.name, table: change.table, runId: run.id }, 'changed schema accepted: the table is loaded anew');
  tell(deps, { type: 'run-changed', pipeline: pipeline.name, runId: run.id });
  return run;
}

/**
 * Declines a proposal: the table stays stopped, with what it holds.
 *
 * @throws ElstreamError (refuse) `SCHEMA_CHANGE_UNKNOWN`, `SCHEMA_CHANGE_DECIDED`
 */
export async function declineSchemaChange(deps: DecisionDeps, id: string): Promise<void> {
  const change = await proposal(deps, id);
  if (!(await deps.store.decideSchemaChange(id, 'declined'))) throw decided(change.id);
  deps.logger.info({ pipeline: change.pipeline, table: change.table }, 'changed schema declined: the table stays stopped');
  tell(deps, { type: 'tables-changed', pipeline: change.pipeline });
}

async function proposal({ store }: DecisionDeps, id: string): Promise<SchemaChangeRecord> {
  const change = await store.readSchemaChange(id);
  if (change === null) throw new ElstreamError('SCHEMA_CHANGE_UNKNOWN', 'refuse', `there is no schema change ${id}`);
  if (change.state !== 'proposed') throw decided(id);
  return change;
}

function decided(id: string): ElstreamError {
  return new ElstreamError('SCHEMA_CHANGE_DECIDED', 'refuse', `schema change ${id} is no open proposal any more; look at the newest of its table`);
}

async function mappingNow(pipeline: PipelineHandle, table: string): Promise<TableMapping> {
  const source = await pipeline.source();
  const found = await describeExisting(source, pipeline.settings.selection);
  const mapped = pipeline.mapTables(found);
  const mapping = mapped.mappings.find((m) => m.id === table);
  if (mapping !== undefined) return mapping;
  const why = mapped.problems.length === 0 ? 'it is gone at the source; decline the change, and take the table out of the pipeline file' : mapped.problems.join('; ');
  throw new ElstreamError('TABLE_NOT_REPLICABLE', 'refuse', `table ${table} cannot be loaded again: ${why}`, { place: { pipeline: pipeline.name, table } });
}

export interface ResetRequest {
  readonly pipeline: string;
  /** Table ids; empty: all of the pipeline. */
  readonly tables: readonly string[];
  /** Drops the warehouse tables and their history, with what users made on them. */
  readonly dropData: boolean;
}

/**
 * Begins anew: active runs are cancelled, the tables return to their first phase, and a run of all stages loads them. Rows
 * are replaced in place unless `dropData` says otherwise. The caller has asked for the confirmation.
 *
 * @returns the run
 * @throws ElstreamError (refuse) `PIPELINE_UNKNOWN`, `TABLE_UNKNOWN`, `RESET_BLOCKED`, `EVOLUTION_BLOCKED`, and `RUN_ACTIVE` if another run was started meanwhile
 */
export async function resetPipeline(deps: DecisionDeps, { pipeline: name, tables, dropData }: ResetRequest): Promise<Run> {
  const { store, registry, logger } = deps;
  const pipeline = registry.get(name);
  const stored = await pipeline.mappings();
  const unknown = tables.filter((table) => !stored.has(table));
  if (unknown.length > 0) {
    throw new ElstreamError('TABLE_UNKNOWN', 'refuse', `pipeline ${name} has no table ${unknown.join(', ')}; check the name, tables are written as schema.name`, { place: { pipeline: name } });
  }
  const chosen = [...stored.values()].filter((m) => tables.length === 0 || tables.includes(m.id));
  await cancelRuns(deps, name);
  // A halted table's shape is no longer the source's: emptied, or dropped, it takes that of now.
  if (!dropData) for (const { id, halted } of chosen) if (halted !== undefined) await pipeline.warehouse.reshapeTable(name, await mappingNow(pipeline, id));
  if (chosen.length > 0) await pipeline.warehouse.resetTables(name, chosen, { dropData });
  const run = await store.createRun({ pipeline: name, reason: 'reset', tables: chosen.map((m) => m.id) });
  logger.warn({ pipeline: name, runId: run.id, tables: chosen.length, dropData }, 'pipeline reset: its tables are loaded anew');
  tell(deps, { type: 'tables-changed', pipeline: name });
  tell(deps, { type: 'run-changed', pipeline: name, runId: run.id });
  return run;
}

async function cancelRuns(deps: DecisionDeps, pipeline: string): Promise<void> {
  for (const { id, stages } of await deps.store.readRuns({ pipeline, states: ['pending', 'running'], limit: 10 })) {
    if (!(await deps.store.endRun(id, 'cancelled', 'the pipeline was reset'))) continue;
    await deps.store.addEvent({ runId: id, type: 'run-cancelled', table: null, detail: { error: 'the pipeline was reset', lane: laneOf(stages) } });
    tell(deps, { type: 'run-changed', pipeline, runId: id });
  }
}

import type { ChangeStream, StreamStart } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import { ElstreamError, tableId, type Checkpoint, type TableMapping } from '@elstream/core';
import type { SourceTable } from '@elstream/source';
import type { CheckpointMove } from '@elstream/warehouse';
import { describeExisting } from '../stream/described';
import { tell } from '../tell';
import { gapBeforeCheckpoints, stoodStill } from './gap-reason';
import { plannedMappings, planningProblems, type Planning } from './planned-mappings';
import { stillOurs, type TaskContext, type TaskHandler } from './task-context';

/** Looks at capture under a live stream before the task is put back for a while. */
const LOOKS = 10;

/**
 * Checks everything that can be wrong before anything is changed, then makes warehouse tables and capture exist and
 * the checkpoint stand. Idempotent: every step finds out what an earlier, interrupted try has done.
 *
 * @throws ElstreamError `PIPELINE_REFUSED` (refuse) with every problem found, each naming its table or setting
 */
export const prepare: TaskHandler = async (context) => {
  const { deps, pipeline, task, logger, longStep } = context;
  const { mappings, found } = await plannedTables(context);
  // Halted tables are no part of capture, nor of a run that was not asked for them by name.
  const active = mappings.filter((m) => m.halted === undefined);
  // a table that is given another shape is written anew
  await longStep(() => pipeline.warehouse.prepareTables(pipeline.name, active));
  const gap = await standCheckpoint(context, mappings, active);
  const run = await deps.store.readRun(task.runId);
  // After a gap every table has to be loaded again, whatever the run was asked for.
  const tables = gap === null && run !== null && run.tables.length > 0 ? run.tables : active.map((m) => m.id);
  await deps.store.setRunTables(task.runId, tables);
  // Not before the run holds them all: a try that ended between would leave the next with the few it was asked for.
  await deps.store.setGap(pipeline.name, null);
  await deps.store.setStreamError(pipeline.name, null);
  tell(deps, { type: 'tables-changed', pipeline: pipeline.name });
  tell(deps, { type: 'pipeline-changed', pipeline: pipeline.name });
  logger.info({ tables: tables.length, gap }, 'pipeline prepared');
  return { outcome: 'done', result: { tables: tables.length, gap, estimatedRows: estimates(found, tables) } };
};

interface PlannedTables {
  readonly mappings: readonly TableMapping[];
  readonly found: readonly SourceTable[];
}

async function plannedTables({ deps, pipeline, task }: TaskContext): Promise<PlannedTables> {
  const source = await pipeline.source();
  const { warehouse } = pipeline;
  refuseIf(pipeline.name, [...(await source.check()), ...(await warehouse.check())]);
  const run = await deps.store.readRun(task.runId);
  const planning: Planning = { stored: await pipeline.mappings(), named: run?.tables ?? [] };
  // One that was replicated and is gone is the schema watch's to tell.
  const found = await describeExisting(source, pipeline.settings.selection, (entry) => planning.stored.has(entry));
  const mapped = pipeline.mapTables(found);
  const mappings = plannedMappings(mapped.mappings, planning);
  const active = mappings.filter((m) => m.halted === undefined);
  const problems = planningProblems(found, (tables) => pipeline.mapTables(tables), planning);
  if (found.length === 0) problems.push('no table of the source matches the pipeline; check include and exclude');
  // Tables already refused at the source have no key or type to check in the warehouse.
  if (problems.length === 0) problems.push(...(await source.checkHistory(active)), ...(await warehouse.checkTables(active)), ...((await pipeline.stream()).refusals?.(active) ?? []));
  const known = new Set(mapped.mappings.map((m) => m.id));
  for (const table of run?.tables ?? []) {
    if (!known.has(table)) problems.push(`table ${table} was asked for but is not part of the pipeline; check the name and the include patterns`);
  }
  refuseIf(pipeline.name, problems);
  return { mappings, found };
}

function refuseIf(pipeline: string, problems: readonly string[]): void {
  const all = [...new Set(problems)];
  if (all.length === 0) return;
  throw new ElstreamError('PIPELINE_REFUSED', 'refuse', all.length === 1 ? (all[0] ?? '') : `${String(all.length)} problems: ${all.join('; ')}`, { place: { pipeline } });
}

/** Capture, mappings, checkpoint (R3, R4 step 0). Returns the reason of a declared gap, which is still noted, or null. */
async function standCheckpoint(context: TaskContext, mappings: readonly TableMapping[], active: readonly TableMapping[]): Promise<string | null> {
  const { deps, pipeline, logger } = context;
  const { store } = deps;
  const { warehouse, name } = pipeline;
  const stream = await pipeline.stream();
  await stillOurs(context);
  const start = await stream.prepare(active);
  await stillOurs(context);
  await pipeline.setMappings(mappings);
  const record = await store.registerPipeline(name);
  const { standing, gap } = await findGap(context, { stream, start, record });
  if (gap !== null) {
    await stillOurs(context);
    logger.warn({ reason: gap }, 'log gap: all tables are preloaded again');
    // Noted first: streams that still read what is in the topics would move the checkpoints away under the declaration, again
    // and again. Whatever ends this try from here on, the next declares the gap by the note: it must be a proven one, and is
    // not withdrawn if the declaration finds a checkpoint moved (capture that was made anew is not found so a second time).
    await store.setGap(name, gap);
    tell(deps, { type: 'pipeline-changed', pipeline: name });
    deps.observer.gapDeclared(name);
    const moves = [...start.offsets].map(([partition, next]): CheckpointMove => {
      const from = standing.find((checkpoint) => checkpoint.partition === partition);
      return { partition, next, ...(from === undefined ? {} : { from }) };
    });
    await warehouse.declareGap({ pipeline: name, moves, tables: active.map((m) => m.id), marked: false, reason: gap });
  }
  // Of a partition that comes back some day nothing may be believed.
  await warehouse.dropCheckpoints(name, standing.map(({ partition }) => partition).filter((partition) => !start.offsets.has(partition)));
  for (const [partition, next] of start.offsets) await warehouse.createCheckpoint(name, partition, next);
  // Only now: had we stopped before, the next try would have to find the gap again.
  await store.setIdentity(name, start.identity);
  return gap;
}

interface Known {
  readonly stream: ChangeStream;
  readonly start: StreamStart;
  readonly record: PipelineRecord;
}

/** The checkpoints that stand, and why the log does not continue from them; streams may be moving them all the while. */
async function findGap(context: TaskContext, { stream, start, record }: Known): Promise<{ readonly standing: readonly Checkpoint[]; readonly gap: string | null }> {
  const { name, warehouse } = context.pipeline;
  let standing = await warehouse.readCheckpoints(name);
  for (let looks = 0; looks < LOOKS; looks += 1) {
    if (standing.length === 0) return { standing, gap: null };
    const status = await stream.status(standing);
    const gap = gapBeforeCheckpoints({ start, record, status });
    // Found otherwise than by a look at what moves.
    if (gap === null || gap !== status.gap) return { standing, gap };
    const now = await warehouse.readCheckpoints(name);
    if (stoodStill(standing, now)) return { standing: now, gap };
    standing = now;
    await stillOurs(context);
  }
  throw new ElstreamError('CHECKPOINT_MOVED', 'retry', 'the checkpoint was moved each time capture was compared with it; looked at again', { place: { pipeline: name } });
}

/** Table id → rows by the source's statistics, for progress. */
function estimates(found: readonly SourceTable[], wanted: readonly string[]): Record<string, number | null> {
  const rows = new Map(found.map((table) => [tableId(table.schema), table.estimatedRows]));
  return Object.fromEntries(wanted.map((id) => [id, rows.get(id) ?? null]));
}

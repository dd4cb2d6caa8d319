import { type DeadLetter, laneOf, type Run, type RunLane, type SchemaChangeRecord } from '@elstream/control';
import { ElstreamError, type TableMapping } from '@elstream/core';
import { type GatewayServices } from '../services';
import { HttpProblem } from '../http/problem';
import { uuid } from './requests';

/** The run, or a problem that names it. */
export async function findRun({ store }: GatewayServices, id: string): Promise<Run> {
  // Asked of the database as a uuid: another text would be its error, not our answer.
  const run = uuid.safeParse(id).success ? await store.readRun(id) : null;
  if (run === null) throw new HttpProblem(404, 'RUN_UNKNOWN', `there is no run '${id}'; GET /api/v1/runs lists them`);
  return run;
}

/** The run that has not ended and keeps one of that lane from beginning, or null. */
export async function runInTheWay({ store }: GatewayServices, pipeline: string, lane: RunLane): Promise<Run | null> {
  const active = await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 10 });
  const of = (wanted: RunLane): Run | undefined => active.find((run) => laneOf(run.stages) === wanted);
  return (lane === 'validate' ? of('load') : undefined) ?? of(lane) ?? null;
}

/** The table's mapping, or a problem that names it. */
export async function findTable({ registry }: GatewayServices, pipeline: string, table: string): Promise<TableMapping> {
  const mapping = (await registry.get(pipeline).mappings()).get(table);
  if (mapping === undefined) throw new HttpProblem(404, 'TABLE_UNKNOWN', `the pipeline has no table '${table}', or was not prepared yet`, { place: { pipeline, table } });
  return mapping;
}

/** Starts a run by `create`; a refusal because of another one becomes a problem that names it. */
export async function startedRun<R>(services: GatewayServices, pipeline: string, lane: RunLane, create: () => Promise<R>): Promise<R> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof ElstreamError) || error.code !== 'RUN_ACTIVE') throw error;
    const active = await runInTheWay(services, pipeline, lane);
    const named = active === null ? 'another run of the pipeline has not ended' : `run ${active.id} of the pipeline has not ended`;
    throw new HttpProblem(409, 'RUN_ACTIVE', `${named}; wait for it or cancel it`, { ...(active === null ? {} : { runId: active.id }), place: { pipeline } });
  }
}

/** The dead letter, or a problem that names it. */
export async function findDeadLetter({ store }: GatewayServices, id: string): Promise<DeadLetter> {
  const letter = uuid.safeParse(id).success ? await store.readDeadLetter(id) : null;
  if (letter === null) throw new HttpProblem(404, 'DEAD_LETTER_UNKNOWN', `there is no dead letter '${id}'; GET /api/v1/pipelines/{name}/dead-letters lists them`);
  return letter;
}

/** The schema change, or a problem that names it. */
export async function findSchemaChange({ store }: GatewayServices, id: string): Promise<SchemaChangeRecord> {
  const change = uuid.safeParse(id).success ? await store.readSchemaChange(id) : null;
  if (change === null) throw new HttpProblem(404, 'SCHEMA_CHANGE_UNKNOWN', `there is no schema change '${id}'; GET /api/v1/pipelines/{name}/schema-changes lists them`);
  return change;
}

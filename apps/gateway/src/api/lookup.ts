import { type Run } from '@elstream/control';
import { type GatewayServices } from '../services';
import { HttpProblem } from '../http/problem';
import { runId } from './schemas';

/** The run, or a problem that names it. */
export async function findRun({ store }: GatewayServices, id: string): Promise<Run> {
  // Asked of the database as a uuid: another text would be its error, not our answer.
  const run = runId.safeParse(id).success ? await store.readRun(id) : null;
  if (run === null) throw new HttpProblem(404, 'RUN_UNKNOWN', `there is no run '${id}'; GET /api/v1/runs lists them`);
  return run;
}

/** The run of the pipeline that has not ended, or null. */
export async function activeRun({ store }: GatewayServices, pipeline: string): Promise<Run | null> {
  const [run] = await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 1 });
  return run ?? null;
}

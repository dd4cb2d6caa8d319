import { laneOf, type ControlStore, type Run } from '@elstream/control';

/** The run of the pipeline that loads now, and whether its preparation (which stores the mappings) is done; null: none. */
export async function activeLoadRun(store: Pick<ControlStore, 'readRuns' | 'summarize'>, pipeline: string): Promise<{ readonly run: Run; readonly prepared: boolean } | null> {
  const runs = await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 10 });
  const run = runs.find((r) => laneOf(r.stages) === 'load');
  if (run === undefined) return null;
  const tasks = await store.summarize(run.id);
  return { run, prepared: tasks.some((t) => t.kind === 'prepare' && t.state === 'done' && t.tasks > 0) };
}

/** A run for added tables that failed is tried again by itself after this long; a person may be quicker. */
export const ADDED_RETRY_MS = 60_000;

/** Whether tables that are new in the pipeline get a run of their own now. `runs`: the newest ones. Pure. */
export function addedRunDue(tables: readonly string[], runs: readonly Run[], now: number): boolean {
  if (tables.length === 0) return false;
  const last = runs.find((run) => run.reason === 'tables-added' && tables.every((table) => run.tables.includes(table)));
  switch (last?.state) {
    case undefined:
    case 'succeeded':
      return true;
    case 'pending':
    case 'running':
      return false;
    case 'failed':
      return now - (last?.finishedAt ?? last?.createdAt ?? new Date(0)).getTime() >= ADDED_RETRY_MS;
    case 'cancelled':
      // Somebody did not want it: only a person starts the next one.
      return false;
  }
}

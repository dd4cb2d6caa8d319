import type { PipelineRecord, Run } from '@elstream/control';
import type { TableState } from '@elstream/warehouse';
import { GAP_RETRY_MS } from './gap-run';

/**
 * Tables that ask for a preload by themselves now, because columns were added to them; pure. One that is stopped waits for
 * a person. `runs`: the pipeline's runs of lane `load`, newest first.
 */
export function staleTables(record: Pick<PipelineRecord, 'gapReason' | 'paused'>, runs: readonly Run[], states: readonly TableState[], now: number): readonly string[] {
  if (record.gapReason !== null || record.paused || runs.some((run) => run.finishedAt === null)) return [];
  const stale = states.filter((s) => s.stale !== null && s.phase !== 'new' && s.phase !== 'stopped').map((s) => s.table);
  const last = runs.find((run) => run.reason === 'schema-change' && stale.every((table) => run.tables.includes(table)));
  // Somebody did not want it: only a person starts the next one.
  if (last?.state === 'cancelled') return [];
  if (last?.state === 'failed' && now - (last.finishedAt ?? last.createdAt).getTime() < GAP_RETRY_MS) return [];
  return stale;
}

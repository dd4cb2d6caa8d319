import type { PipelineRecord, Run } from '@elstream/control';
import { CAPTURE_RESUMED, TRUNCATED } from '@elstream/core';
import { GAP_PREFIX, type TableState } from '@elstream/warehouse';
import { GAP_RETRY_MS } from './gap-run';

/**
 * Tables that ask for a preload by themselves now, because columns were added to them, events of theirs are, or may be, lost,
 * or a truncate came out of order; pure. One that is stopped waits for a person. `runs`: the pipeline's runs of lane `load`, newest first.
 */
export function staleTables(record: Pick<PipelineRecord, 'gapReason' | 'paused'>, runs: readonly Run[], states: readonly TableState[], now: number): readonly string[] {
  if (record.gapReason !== null || record.paused || runs.some((run) => run.finishedAt === null)) return [];
  const stale = states.filter((s) => s.stale !== null && (s.phase !== 'new' || s.stale.startsWith(GAP_PREFIX)) && s.phase !== 'stopped').map((s) => s.table);
  const last = runs.find((run) => (run.reason === 'schema-change' || run.reason === 'reload') && stale.every((table) => run.tables.includes(table)));
  // Somebody did not want it: only a person starts the next one.
  if (last?.state === 'cancelled') return [];
  if (last?.state === 'failed' && now - (last.finishedAt ?? last.createdAt).getTime() < GAP_RETRY_MS) return [];
  return stale;
}

/** Why the run for these tables starts. */
export function staleReason(tables: readonly string[], states: readonly TableState[]): 'reload' | 'schema-change' {
  const lost = (stale: string | null): boolean => stale !== null && [GAP_PREFIX, TRUNCATED, CAPTURE_RESUMED].some((begin) => stale.startsWith(begin));
  return states.every((s) => !tables.includes(s.table) || lost(s.stale)) ? 'reload' : 'schema-change';
}

import { sleep } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { TaskContext } from '../tasks/task-context';

const LOOK_MS = 1_000;

/** Per process and pipeline: until when the rows compared so far use the rate up. */
const busyUntil = new WeakMap<ReplicationDeps, Map<string, number>>();

/**
 * Spares the source: holds the task back until the rows this process has compared for the pipeline, in all its tasks at
 * once, are within `validateRowsPerSecond`. Ends at once when the task is to stop: what it found counts all the same.
 */
export async function keepPace({ deps, pipeline, signal, moved }: TaskContext, rows: number): Promise<void> {
  const { validateRowsPerSecond: rate } = pipeline.settings;
  if (rate === null || rows === 0) return;
  const until = reserve(deps, pipeline.name, (rows / rate) * 1_000);
  for (let leftMs = until - deps.clock(); leftMs > 0 && !signal.aborted; leftMs = until - deps.clock()) {
    await sleep(Math.min(LOOK_MS, leftMs), signal);
    moved();
  }
}

function reserve(deps: ReplicationDeps, pipeline: string, ms: number): number {
  const ofProcess = busyUntil.get(deps) ?? new Map<string, number>();
  busyUntil.set(deps, ofProcess);
  const until = Math.max(deps.clock(), ofProcess.get(pipeline) ?? 0) + ms;
  ofProcess.set(pipeline, until);
  return until;
}

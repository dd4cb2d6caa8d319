import { hasPassedDirect, ruleHolds, sleep, type LogPosition } from '@elstream/core';
import type { SourceDatabase } from '@elstream/source';
import type { TaskContext } from '../tasks/task-context';

const POLL_MS = 100;
/** The stream gets this long to pass B by itself before a counter is written to move an idle source on. */
const NUDGE_AFTER_MS = 250;
const NUDGE_EVERY_MS = 2_000;

/** True once the checkpoint has passed `b`; false when the stream stands still or the bound is reached. */
export async function streamPasses({ deps, pipeline, signal, moved }: TaskContext, source: SourceDatabase, b: LogPosition): Promise<boolean> {
  if (!ruleHolds('R8-wait')) return true;
  const began = deps.clock();
  let nudgeAt = began + NUDGE_AFTER_MS;
  while (!signal.aborted) {
    moved();
    const checkpoint = await pipeline.warehouse.readCheckpoint(pipeline.name, 0);
    if (checkpoint !== null && hasPassedDirect(checkpoint.next, b)) return true;
    const record = await deps.store.readPipeline(pipeline.name);
    if (record === null || record.paused || record.gapReason !== null || record.streamError !== null) return false;
    const now = deps.clock();
    if (now - began >= pipeline.settings.validationWaitMs) return false;
    if (now >= nudgeAt) {
      nudgeAt = now + NUDGE_EVERY_MS;
      await source.emitCounter(await deps.store.nextCounter(pipeline.name));
    }
    await sleep(POLL_MS, signal);
  }
  return false;
}

import type { StreamMark } from '@elstream/change-stream';
import { ElstreamError, ruleHolds, sleep, type Clock, type LogPosition } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';

const POLL_MS = 100;
/** Capture and stream get this long to pass by themselves before the counter is raised to move an idle source on. */
const NUDGE_AFTER_MS = 250;
const NUDGE_EVERY_MS = 2_000;

/** Writes a number into the source's log (R3 a); moves an idle source on. */
export async function raiseCounter({ store }: Pick<ReplicationDeps, 'store'>, pipeline: PipelineHandle): Promise<void> {
  const stream = await pipeline.stream();
  await stream.raiseCounter(() => store.nextCounter(pipeline.name));
}

export interface Waiting {
  readonly deps: Pick<ReplicationDeps, 'store' | 'clock'>;
  readonly pipeline: PipelineHandle;
  readonly signal: AbortSignal;
  /** Called now and then while something is waited for. */
  readonly moved: () => void;
}

/** True once the checkpoints have passed `position` (R4); false when the stream stands still or the bound is reached. */
export async function streamPasses(waiting: Waiting, position: LogPosition): Promise<boolean> {
  if (!ruleHolds('R8-wait')) return true;
  const { pipeline, deps } = waiting;
  let mark: StreamMark | null = null;
  return polls(waiting, pipeline.settings.validationWaitMs, async () => {
    mark ??= await (await pipeline.stream()).mark(position);
    if (mark?.reachedBy(await pipeline.warehouse.readCheckpoints(pipeline.name)) === true) return true;
    return (await standsStill(deps, pipeline)) ? false : null;
  });
}

/**
 * The commit position up to which events of the tables may lie that committed at or below `position` (R6, R9): for a direct
 * stream `position` itself, else what capture has delivered by then.
 *
 * @throws ElstreamError CAPTURE_BEHIND (retry) if capture has not delivered it within the bound of R4's wait
 */
export async function boundOf(waiting: Waiting, table: string, position: LogPosition): Promise<LogPosition> {
  const { pipeline } = waiting;
  let mark: StreamMark | null = null;
  await polls(waiting, pipeline.settings.transactionWaitMs, async () => {
    mark = await (await pipeline.stream()).mark(position);
    return mark === null ? null : true;
  });
  // The compiler does not see what the closure assigns.
  const found = mark as StreamMark | null;
  if (found === null) throw new ElstreamError('CAPTURE_BEHIND', 'retry', `capture has not delivered what the source had committed at ${position.hex}; see whether the connector runs`, { place: { pipeline: pipeline.name, table } });
  return found.bound(table);
}

async function standsStill({ store }: Pick<ReplicationDeps, 'store'>, pipeline: PipelineHandle): Promise<boolean> {
  const record = await store.readPipeline(pipeline.name);
  return record === null || record.paused || record.gapReason !== null || record.streamError !== null;
}

/** Looks until there is an answer, which is false when the bound is reached or the signal aborts. */
async function polls({ deps, pipeline, signal, moved }: Waiting, withinMs: number, look: () => Promise<boolean | null>): Promise<boolean> {
  const clock: Clock = deps.clock;
  const began = clock();
  let nudgeAt = began + NUDGE_AFTER_MS;
  while (!signal.aborted) {
    moved();
    const answer = await look();
    if (answer !== null) return answer;
    const now = clock();
    if (now - began >= withinMs) return false;
    if (now >= nudgeAt) {
      nudgeAt = now + NUDGE_EVERY_MS;
      await raiseCounter(deps, pipeline);
    }
    await sleep(POLL_MS, signal);
  }
  return false;
}

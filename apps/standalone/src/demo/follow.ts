import { sleep } from '@elstream/core';
import type { DemoContext } from './demo';
import { type PipelineState, type Rest, type RunDetail } from './rest';

export const PIPELINE = 'inventory';
export const POLL_MS = 150;

/**
 * When something from after the writer's end was applied, capture has delivered all of the writer's, in its order: of one
 * log all of it was applied then, of several partitions (Kafka) when nothing is left in any.
 */
export async function catchUp(rest: Rest, stoppedAt: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const asked = performance.now();
    const { lagMs, eventsBehind } = await healthy(rest);
    // Lag is counted from a moment after `asked`: the newest applied is younger than asked - lag.
    if (lagMs !== null && asked - lagMs > stoppedAt && (eventsBehind ?? 0) === 0) return;
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
}

export async function healthy(rest: Rest): Promise<PipelineState> {
  const pipeline = await rest.pipeline(PIPELINE);
  if (pipeline.streamError !== null) throw new Error(`the stream stands still: ${pipeline.streamError}`);
  if (pipeline.gapReason !== null) throw new Error(`log gap: ${pipeline.gapReason}`);
  return pipeline;
}

/** Waits for the end of a run, showing how far it has come; throws where it does not succeed. */
export async function endOfRun(rest: Rest, id: string, { out, signal }: Pick<DemoContext, 'out' | 'signal'>): Promise<RunDetail> {
  const progress = out.progress('validation', 'validate');
  try {
    for (;;) {
      const run = await rest.run(id);
      progress.show(run);
      refuseFailed(run);
      if (run.state === 'succeeded') return run;
      await sleep(POLL_MS, signal);
      signal.throwIfAborted();
    }
  } finally {
    progress.end();
  }
}

export function refuseFailed(run: RunDetail): void {
  if (run.state === 'failed' || run.state === 'cancelled') throw new Error(`the run ${run.state}: ${run.error ?? 'no reason given'}`);
}

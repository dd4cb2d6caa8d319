import type { PipelineRecord, Run } from '@elstream/control';

/** A log-gap run that failed is tried again by itself after this long; a person may be quicker. */
export const GAP_RETRY_MS = 60_000;

/** R3: whether a log gap asks for a run of its own now. `latest`: the pipeline's newest run. Pure. */
export function gapRunDue(record: Pick<PipelineRecord, 'gapReason' | 'paused'>, latest: Run | null, now: number): boolean {
  if (record.gapReason === null || record.paused) return false;
  if (latest === null) return true;
  switch (latest.state) {
    case 'pending':
    case 'running':
      return false;
    case 'failed':
      return now - (latest.finishedAt ?? latest.createdAt).getTime() >= GAP_RETRY_MS || latest.reason !== 'log-gap';
    case 'cancelled':
      // Somebody did not want it: only a person starts the next one.
      return latest.reason !== 'log-gap';
    case 'succeeded':
      return true;
  }
  return latest.state satisfies never;
}

import type { ReplayableTable, Run } from '@elstream/control';
import { GAP_RETRY_MS } from './gap-run';

/** Tried in vain, dead letters wait twice as long each time, up to about an hour. */
const DOUBLINGS = 6;

/**
 * Whether parked dead letters of a code that is replayed by itself ask for a run now; pure. `latest`: the newest run that
 * replayed such, or one that is at work in their lane.
 */
export function replayDue(parked: readonly Omit<ReplayableTable, 'table'>[], latest: Run | null, now: number): boolean {
  if (latest === null) return true;
  const newestParkedAt = Math.max(...parked.map((p) => p.newestParkedAt.getTime()));
  const ended = (latest.finishedAt ?? latest.createdAt).getTime();
  const waited = now - ended >= GAP_RETRY_MS * 2 ** Math.min(DOUBLINGS, ...parked.map((p) => p.leastReplays));
  switch (latest.state) {
    case 'pending':
    case 'running':
      return false;
    case 'failed':
      return waited;
    case 'cancelled':
      // Somebody did not want it: only a person starts the next one for these.
      return newestParkedAt > ended;
    case 'succeeded':
      // What was parked before it and still is, it has tried.
      return newestParkedAt > latest.createdAt.getTime() || waited;
  }
  return latest.state satisfies never;
}

import { DIRECT_PARTITION, StreamOffset, type Checkpoint, type LogPosition } from '@elstream/core';

/** Everything below `confirmed` was acknowledged, so it is gone from the log (R3 b). Null: the log continues from the checkpoint. */
export function gapBelow(confirmed: LogPosition | null, checkpoints: readonly Checkpoint[]): string | null {
  const next = checkpoints.find(({ partition }) => partition === DIRECT_PARTITION)?.next;
  if (confirmed === null || next === undefined || StreamOffset.direct(confirmed, 0).compare(next) <= 0) return null;
  return `somebody else read from our replication slot: it stands at ${confirmed.hex}, above the checkpoint ${next.hex}; what lies between is no longer in the log`;
}

import type { CaptureStatus, StreamStart } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import { DIRECT_PARTITION, type Checkpoint, type SourceIdentity } from '@elstream/core';

export function sameIdentity(a: SourceIdentity, b: SourceIdentity): boolean {
  return a.system === b.system && a.fork === b.fork;
}

/**
 * R3: why the log does not continue from the checkpoints that stand, in words; null: it does. `created` covers a capture
 * made anew under them; if that was noticed before a crash, `status` still finds it to stand above them, and so the gap is
 * found again.
 */
export function gapBeforeCheckpoints(found: {
  readonly start: Pick<StreamStart, 'created' | 'identity'>;
  readonly record: Pick<PipelineRecord, 'identity' | 'gapReason'>;
  readonly status: Pick<CaptureStatus, 'gap'>;
}): string | null {
  const { start, record, status } = found;
  if (record.gapReason !== null) return record.gapReason;
  if (record.identity !== null && !sameIdentity(record.identity, start.identity)) {
    return `the source's log is another one: ${describe(record.identity)} became ${describe(start.identity)}`;
  }
  if (start.created) return 'capture at the source was gone and has been created again';
  return status.gap;
}

/**
 * Whether a gap that capture's status showed may be believed. A live stream commits and then acknowledges: a slot looked
 * at after the checkpoint may stand above it by that alone. Both only grow, so what has not moved between the readings
 * before (`looked`) and after the status (`now`) stood there at the moment of the status itself. Of topics' partitions
 * only the generation counts, which tells that a gap was answered meanwhile: no gap of all tables is found by their
 * positions, and under load they would never stand still.
 */
export function stoodStill(looked: readonly Checkpoint[], now: readonly Checkpoint[]): boolean {
  const stands = (a: Checkpoint, b: Checkpoint): boolean => a.partition === b.partition && a.generation === b.generation && (a.partition !== DIRECT_PARTITION || a.next.equals(b.next));
  return looked.length === now.length && looked.every((a) => now.some((b) => stands(a, b)));
}

function describe(identity: SourceIdentity): string {
  return `${identity.system}/${identity.fork}`;
}

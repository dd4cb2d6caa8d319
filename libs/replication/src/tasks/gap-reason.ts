import type { CaptureStatus, StreamStart } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import type { Checkpoint, SourceIdentity } from '@elstream/core';

export function sameIdentity(a: SourceIdentity, b: SourceIdentity): boolean {
  return a.system === b.system && a.fork === b.fork;
}

/**
 * R3: why the log does not continue from the checkpoint, in words; null: it does. `created` covers a capture made anew
 * under a standing checkpoint; if that was noticed before a crash, `confirmed` still lies above the checkpoint, and so
 * the gap is found again.
 */
export function gapBeforeCheckpoint(found: {
  readonly start: Pick<StreamStart, 'created' | 'identity'>;
  readonly record: Pick<PipelineRecord, 'identity' | 'gapReason'>;
  readonly confirmed: CaptureStatus['confirmed'];
  readonly checkpoint: Checkpoint;
}): string | null {
  const { start, record, confirmed, checkpoint } = found;
  if (record.gapReason !== null) return record.gapReason;
  if (record.identity !== null && !sameIdentity(record.identity, start.identity)) {
    return `the source's log is another one: ${describe(record.identity)} became ${describe(start.identity)}`;
  }
  if (start.created) return 'capture at the source was gone and has been created again';
  if (confirmed !== null && confirmed.compare(checkpoint.next) > 0) {
    return `capture stands at ${confirmed.hex}, above the checkpoint ${checkpoint.next.hex}: what lies between is no longer in the log`;
  }
  return null;
}

function describe(identity: SourceIdentity): string {
  return `${identity.system}/${identity.fork}`;
}

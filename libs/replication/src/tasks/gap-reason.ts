import type { CaptureStatus, StreamStart } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import type { SourceIdentity } from '@elstream/core';

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

function describe(identity: SourceIdentity): string {
  return `${identity.system}/${identity.fork}`;
}

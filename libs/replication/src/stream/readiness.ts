import type { CaptureStatus } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import type { SourceIdentity } from '@elstream/core';
import { sameIdentity } from '../tasks/gap-reason';

export type Readiness = { readonly go: true } | { readonly go: false; readonly because: 'unprepared' | 'paused' | 'gap' | 'halted' };

/** Whether a stream may run now, from the control tables alone. `streamError` halts until a person (or a new run) clears it. */
export function streamReadiness(record: PipelineRecord | null, prepared: boolean): Readiness {
  if (record === null || !prepared) return { go: false, because: 'unprepared' };
  if (record.gapReason !== null) return { go: false, because: 'gap' };
  if (record.paused) return { go: false, because: 'paused' };
  if (record.streamError !== null) return { go: false, because: 'halted' };
  return { go: true };
}

/**
 * R3 at every start of reading: null if the log continues from the checkpoints, else the log gap in words. An identity
 * that changed is a gap here; a surviving slot that continues below the fork point is left to later work.
 */
export function gapAtStart(found: {
  readonly recorded: SourceIdentity | null;
  readonly identity: SourceIdentity;
  readonly status: Pick<CaptureStatus, 'gap'>;
}): string | null {
  const { recorded, identity, status } = found;
  if (recorded !== null && !sameIdentity(recorded, identity)) return 'the source is another server, or was restored or promoted: its log has another identity';
  return status.gap;
}

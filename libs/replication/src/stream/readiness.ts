import type { CaptureStatus } from '@elstream/change-stream';
import type { PipelineRecord } from '@elstream/control';
import type { Checkpoint, SourceIdentity } from '@elstream/core';
import { sameIdentity } from '../tasks/gap-reason';

export type Readiness = { readonly go: true; readonly checkpoint: Checkpoint } | { readonly go: false; readonly because: 'unprepared' | 'paused' | 'gap' | 'halted' };

/** Whether a stream may run now, from the control tables alone. `streamError` halts until a person (or a new run) clears it. */
export function streamReadiness(record: PipelineRecord | null, checkpoint: Checkpoint | null): Readiness {
  if (record === null || checkpoint === null) return { go: false, because: 'unprepared' };
  if (record.gapReason !== null) return { go: false, because: 'gap' };
  if (record.paused) return { go: false, because: 'paused' };
  if (record.streamError !== null) return { go: false, because: 'halted' };
  return { go: true, checkpoint };
}

/**
 * R3 at every start of reading: null if the log continues from the checkpoint, else the log gap in words. An identity
 * that changed is a gap here; a surviving slot that continues below the fork point is left to later work.
 */
export function gapAtStart(found: {
  readonly recorded: SourceIdentity | null;
  readonly identity: SourceIdentity;
  readonly status: CaptureStatus;
  readonly checkpoint: Checkpoint;
}): string | null {
  const { recorded, identity, status, checkpoint } = found;
  if (recorded !== null && !sameIdentity(recorded, identity)) return 'the source is another server, or was restored or promoted: its log has another identity';
  switch (status.state) {
    case 'missing':
      return 'the replication slot or the publication at the source is gone';
    case 'lost':
      return 'the replication slot at the source has lost its log (the server removed it)';
    case 'ready':
      break;
    default:
      status.state satisfies never;
  }
  const { confirmed } = status;
  if (confirmed !== null && confirmed.compare(checkpoint.next) > 0) return `somebody else read from our replication slot: it stands at ${confirmed.hex}, above the checkpoint ${checkpoint.next.hex}`;
  return null;
}

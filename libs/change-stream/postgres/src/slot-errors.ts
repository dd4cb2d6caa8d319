import { ElstreamError } from '@elstream/core';

export function slotBusy(slotName: string, cause: unknown): ElstreamError {
  return new ElstreamError('STREAM_BUSY', 'retry', `slot ${slotName} is being read by another process; waiting for it to let go`, { cause });
}

export function slotLost(slotName: string, what: string, cause?: unknown): ElstreamError {
  return new ElstreamError('STREAM_SLOT_LOST', 'stop', `slot ${slotName} ${what}: changes since the checkpoint are lost (a log gap); prepare the pipeline and preload its tables again`, { cause });
}

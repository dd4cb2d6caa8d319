import type { CaptureStatus } from '@elstream/change-stream';

/** Capture of which nothing is to say. */
export const READY: CaptureStatus = { state: 'ready', gap: null, partitionGaps: [], trouble: null, retainedBytes: 0, eventsBehind: null };

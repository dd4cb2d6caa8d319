import type { FailpointName } from '@elstream/core';
import type { StreamerOptions } from '@elstream/replication';

/** Environment variable that carries `StreamerSettings` as JSON. */
export const STREAMER_SETTINGS = 'ELSTREAM_STREAMER_CHILD';

export interface StreamerSettings {
  /** Pipeline file. */
  readonly yaml: string;
  /** File that tells where an ambush struck. */
  readonly marker: string;
}

/**
 * Laid by a message to the process: at its next coming to the failpoint with a batch that brings rows it sends itself the
 * signal. `hold`: it keeps that batch in hand until the batch is told to give way (its signal aborts), and goes on with it.
 */
export interface StreamerAmbush {
  readonly failpoint: FailpointName;
  readonly signal: 'SIGKILL' | 'SIGSTOP' | 'hold';
}

/** The file, beside the marker, that tells that a batch which was held gave way. */
export const gaveWayFile = (marker: string): string => `${marker}.gave-way`;

/** A streamer that looks often: what suites wait for is soon seen. */
export const FAST_STREAMER: StreamerOptions = { pollMs: 100, backoff: { minMs: 50, maxMs: 500 }, guardMs: 1_000, standbyMs: 100 };

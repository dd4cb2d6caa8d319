import type { FailpointName } from '@elstream/core';

/** Environment variable that carries `ChildSettings` as JSON. */
export const CHILD_SETTINGS = 'ELSTREAM_CRASH_CHILD';

/** At its n-th coming to the failpoint the process notes so on disk, then dies (or stops) right there. */
export interface Ambush {
  readonly failpoint: FailpointName;
  readonly occurrence: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

export interface ChildSettings {
  /** Pipeline file. */
  readonly yaml: string;
  readonly ambush: Ambush | null;
  /** File the note goes to. */
  readonly marker: string;
  /** Starts a run whenever none is active, so that every place of a preload is passed again and again. */
  readonly keepRunning: boolean;
}

/** Every failpoint of the product; true: one that copying and streaming pass. The record makes the compiler notice a new one. */
const PLACES: Readonly<Record<FailpointName, boolean>> = {
  'batch:taken': true,
  'batch:staged': true,
  'batch:after-rows-before-checkpoint': true,
  'batch:before-commit': true,
  'batch:after-commit-before-acknowledge': true,
  'chunk:read-before-write': true,
  'chunk:staged': true,
  'chunk:before-commit': true,
  'chunk:after-commit-before-report': true,
  'preload:epoch-raised': true,
  'preload:start-position-read': true,
  'preload:transactions-listed': true,
  'preload:before-finish': true,
  'preload:after-finish': true,
  'repair:target-read': false,
  'repair:source-read': false,
  'validate:source-read': false,
  'history:read-before-write': false,
};

export const FAILPOINTS = (Object.keys(PLACES) as FailpointName[]).filter((name) => PLACES[name]);

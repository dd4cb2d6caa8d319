import { type ProcessIdentity } from '@elstream/embedded-postgres';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readJson } from './recorded-process';

/** What is remembered of a set of servers, in its folder. Holds passwords: mode 0600. */
export interface SetState {
  /** The process that holds the servers; absent when the set was stopped. Its being alive is for the reader to see. */
  readonly supervisor?: ProcessIdentity;
  /** False while they are being started. */
  readonly ready: boolean;
  /** Names of the servers that the supervisor holds. */
  readonly started: readonly string[];
  /** Variables of our servers as of their last start: kept when they are stopped, so that ports stay the same. */
  readonly values: Readonly<Record<string, string>>;
  /** Variables of servers that were given when the set was started. */
  readonly given: Readonly<Record<string, string>>;
  /** Names of the servers that the set was started without. */
  readonly without: readonly string[];
}

const nothing: SetState = { ready: false, started: [], values: {}, given: {}, without: [] };

/** Where a set keeps its things: `${VAR_DIR}/servers`. */
export interface SetFiles {
  readonly folder: string;
  readonly state: string;
  readonly lock: string;
  readonly log: string;
  of(kind: string): string;
}

export function setFiles(varDir: string): SetFiles {
  const folder = path.resolve(varDir, 'servers');
  const at = (name: string): string => path.join(folder, name);
  return { folder, state: at('servers.json'), lock: at('servers.lock'), log: at('servers.log'), of: at };
}

export const readSetState = (files: SetFiles): SetState => ({ ...nothing, ...readJson<Partial<SetState>>(files.state) });

export function writeSetState(files: SetFiles, state: SetState): void {
  mkdirSync(files.folder, { recursive: true });
  writeFileSync(`${files.state}.tmp`, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(`${files.state}.tmp`, files.state);
}

import { describeError, sleep } from '@elstream/core';
import { identify, isAlive } from '@elstream/embedded-postgres';
import { redactText } from '@elstream/observability';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { failure } from '../failure';
import { withLock } from '../lock';
import { kindNamed, type ServerKind, serverKinds } from './kinds';
import { endProcess } from './recorded-process';
import { readSetState, type SetFiles, setFiles, type SetState, writeSetState } from './state';
import { type Orders } from './supervisor';

const START_TIMEOUT_MS = 240_000;
const LOCK_TIMEOUT_MS = 300_000;
const STOP_PATIENCE_MS = 40_000;

/** The set of servers of a folder, as the commands see it. */
export interface SetOptions {
  /** Folder of what we keep; the set is in its subfolder `servers`. */
  readonly varDir: string;
  /** Where servers of the user's are named. */
  readonly env: NodeJS.ProcessEnv;
}

/** One server as it is now; `value` is its variable's and holds a password. */
export interface ServerStatus {
  readonly kind: ServerKind;
  readonly up: boolean;
  /** What answers, or why nothing does. */
  readonly said: string;
  readonly given: boolean;
  readonly value: string | undefined;
}

/** Starts what does not run, except the servers named in `without`; what runs and answers is left alone. @throws ElstreamError when one cannot be had */
export async function up({ varDir, env }: SetOptions, without: readonly string[] = []): Promise<ServerStatus[]> {
  const files = setFiles(varDir);
  mkdirSync(files.folder, { recursive: true });
  return withLock(files.lock, LOCK_TIMEOUT_MS, async () => {
    const state = readSetState(files);
    const given = givenValues(env, state);
    for (const name of without) kindNamed(name);
    const kinds = serverKinds.filter(({ name }) => !without.includes(name));
    const first = await look(kinds, state, given);
    const bad = first.find((s) => s.given && !s.up);
    if (bad) throw failure(`${bad.kind.variable} is set, but nothing answers there (${bad.said}); correct it, or unset it to have a server started`);
    const wanted = kinds.filter((kind) => given[kind.variable] === undefined).map((kind) => kind.name);
    const same = state.started.join() === wanted.join();
    if (same && first.every((s) => s.up)) return first;
    await end(files, state);
    writeSetState(files, { ...readSetState(files), given, without });
    await startSupervisor(files, { varDir: path.resolve(varDir), start: wanted });
    const now = await look(kinds, readSetState(files), given);
    const dead = now.find((s) => !s.up);
    if (dead) throw failure(`${dead.kind.name} was started but does not answer (${dead.said}); see ${files.log}`);
    return now;
  });
}

/** Every server of the set. Changes nothing. */
export function status({ varDir, env }: SetOptions): Promise<ServerStatus[]> {
  const state = readSetState(setFiles(varDir));
  return look(serverKinds.filter(({ name }) => !state.without.includes(name)), state, { ...(running(state) ? state.given : {}), ...givenValues(env, state) });
}

/** Ends our servers, also those that a crash left. `discard`: their data goes too. Resolves to whether anything ran. */
export async function down({ varDir }: SetOptions, discard: boolean): Promise<boolean> {
  const files = setFiles(varDir);
  if (!existsSync(files.folder)) return false;
  return withLock(files.lock, LOCK_TIMEOUT_MS, async () => {
    const state = readSetState(files);
    const ran = running(state);
    await end(files, state);
    if (discard) {
      for (const kind of serverKinds) await kind.discard(files.of(kind.name));
      rmSync(files.folder, { recursive: true, force: true });
    }
    return ran;
  });
}

const running = ({ supervisor }: SetState): boolean => supervisor !== undefined && isAlive(supervisor);

/** A variable that holds what we set it to, by `eval` of our own output, names no server of the user's. */
function givenValues(env: NodeJS.ProcessEnv, { values }: SetState): Record<string, string> {
  const given: Record<string, string> = {};
  for (const { variable, mayBeGiven } of serverKinds) {
    const value = env[variable];
    if (mayBeGiven && value && value !== values[variable]) given[variable] = value;
  }
  return given;
}

function look(kinds: readonly ServerKind[], state: SetState, given: Readonly<Record<string, string>>): Promise<ServerStatus[]> {
  return Promise.all(
    kinds.map(async (kind) => {
      const theirs = given[kind.variable];
      const value = theirs ?? (running(state) && state.started.includes(kind.name) ? state.values[kind.variable] : undefined);
      const about = { kind, value, given: theirs !== undefined };
      if (value === undefined) return { ...about, up: false, said: 'not started' };
      if (theirs === undefined && !state.ready) return { ...about, up: false, said: 'being started' };
      try {
        return { ...about, up: true, said: await kind.check(value) };
      } catch (error) {
        return { ...about, up: false, said: redactText(describeError(error)) };
      }
    }),
  );
}

/** Ends the supervisor, which ends its servers, and then what outlived an earlier one. */
async function end(files: SetFiles, state: SetState): Promise<void> {
  if (state.supervisor) await endProcess(state.supervisor, ['SIGTERM', 'SIGKILL'], STOP_PATIENCE_MS);
  for (const kind of serverKinds) await kind.endAbandoned(files.of(kind.name));
  const { supervisor: _gone, ...rest } = readSetState(files);
  writeSetState(files, { ...rest, ready: false, started: [] });
}

/** Starts a supervisor that outlives us, and waits until its servers are ready or it has ended. */
async function startSupervisor(files: SetFiles, orders: Orders): Promise<void> {
  const log = openSync(files.log, 'w', 0o600);
  // Under the tests we run from TypeScript: the supervisor is started the same way.
  const main = path.join(__dirname, `supervisor${path.extname(__filename)}`);
  const child = spawn(process.execPath, [...process.execArgv, main, JSON.stringify(orders)], { cwd: files.folder, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let ended = false;
  child.once('exit', () => (ended = true));
  child.once('error', () => (ended = true));
  const us = child.pid === undefined ? undefined : identify(child.pid);
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; await sleep(50)) {
    const state = readSetState(files);
    if (state.ready && us && state.supervisor?.pid === us.pid) break;
    if (!ended && Date.now() < deadline) continue;
    const words = readFileSync(files.log, 'utf8').trim().split('\n').slice(-8).join('\n');
    throw failure(`the servers did not start${ended ? '' : ` within ${String(START_TIMEOUT_MS / 1_000)} s`}; ${files.log} ends with:\n${redactText(words)}`);
  }
  child.unref();
}

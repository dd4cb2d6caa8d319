import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { FailpointName } from '@elstream/core';
import { eventually, within, type EventuallyOptions } from '@elstream/testing';
import { endsWithUs } from '../services/ends-with-us';
import { gaveWayFile, STREAMER_SETTINGS, type StreamerAmbush, type StreamerSettings } from './streamer-settings';

function unstruck(): never {
  throw new Error('it has ended elsewhere');
}

/** From sources (under jest) the child is compiled as it loads; from dist it is there. */
const FROM_SOURCES = __filename.endsWith('.ts');
const PATIENCE_MS = 60_000;

/** One streamer in a process of its own, to be killed, suspended and continued. */
export class StreamerProcess {
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  private readonly child: ChildProcess;
  private readonly marker: string;
  private readonly logFile: string;
  private exited = false;

  /** @param place path that the names of its files begin with */
  constructor(yaml: string, place: string) {
    this.marker = `${place}.mark`;
    this.logFile = `${place}.log`;
    const log = openSync(this.logFile, 'a');
    this.child = fork(path.join(__dirname, FROM_SOURCES ? 'streamer-child.ts' : 'streamer-child.js'), [], {
      execArgv: FROM_SOURCES ? ['--require', path.join(__dirname, '..', 'crash', 'typescript.cjs')] : [],
      env: { ...process.env, [STREAMER_SETTINGS]: JSON.stringify({ yaml, marker: this.marker } satisfies StreamerSettings) },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const release = endsWithUs(this.child);
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => {
        this.exited = true;
        release();
        resolve({ code, signal });
      });
    });
  }

  get alive(): boolean {
    return !this.exited;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Waits until it has begun to read. */
  async reads(limits: EventuallyOptions = {}): Promise<this> {
    const reading = (): boolean => {
      if (this.exited) throw new Error('it has ended');
      return this.log.includes('stream reads');
    };
    await this.awaits('a streamer that reads', reading, limits);
    return this;
  }

  /** Strikes at its next coming to a failpoint of batches, with one in hand that brings rows. Resolves when it is laid, which is before it strikes. */
  async ambush(failpoint: FailpointName, signal: StreamerAmbush['signal']): Promise<void> {
    rmSync(this.marker, { force: true });
    rmSync(gaveWayFile(this.marker), { force: true });
    const laid = once(this.child, 'message');
    this.child.send({ failpoint, signal } satisfies StreamerAmbush);
    // Struck at once, it may die before it has said that the ambush was laid.
    const ended = this.ended.then(() => (this.wasStruck(failpoint) ? undefined : Promise.reject(new Error(`the streamer ended before the ambush\n${this.log.slice(-4_000)}`))));
    ended.catch(() => undefined);
    await this.within('the ambush to be laid', Promise.race([laid, ended]));
  }

  /** Waits until the ambush has struck: it stands still there, or is dead. */
  async struck(failpoint: FailpointName, limits: EventuallyOptions = {}): Promise<void> {
    await this.awaits(`a streamer struck at ${failpoint}`, () => this.wasStruck(failpoint) || (this.exited && unstruck()), limits);
  }

  /** A batch that was held (`hold`) has been told to give way, and gone on. */
  get gaveWay(): boolean {
    return existsSync(gaveWayFile(this.marker));
  }

  private wasStruck(failpoint: FailpointName): boolean {
    return existsSync(this.marker) && readFileSync(this.marker, 'utf8') === failpoint;
  }

  suspend(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (!this.exited) this.child.kill('SIGKILL');
    await this.ended;
  }

  /** SIGTERM; expects exit code 0 within 10 s (R12), of a process that has come as far as to listen for it. */
  async stop(): Promise<void> {
    await this.awaits('a streamer that listens for signals', () => this.log.includes('pipeline added'), {});
    const began = performance.now();
    this.child.kill('SIGTERM');
    const asked = setTimeout(() => this.child.kill('SIGUSR2'), PATIENCE_MS / 2);
    const { code, signal } = await this.within('its end after SIGTERM', this.ended).finally(() => clearTimeout(asked));
    const ms = performance.now() - began;
    if (code !== 0) throw new Error(`the streamer ended with code ${String(code)}, signal ${String(signal)} after SIGTERM\n${this.log.slice(-4_000)}`);
    if (ms > 10_000) throw new Error(`the streamer took ${ms.toFixed(0)} ms to end after SIGTERM\n${this.log.slice(-4_000)}`);
  }

  private async within<T>(what: string, awaited: Promise<T>): Promise<T> {
    return within(PATIENCE_MS, awaited, () => new Error(`${what}: not within ${String(PATIENCE_MS)} ms\n${this.log.slice(-6_000)}`));
  }

  private async awaits(describe: string, probe: () => boolean, limits: EventuallyOptions): Promise<void> {
    try {
      await eventually(probe, { timeoutMs: PATIENCE_MS, ...limits, describe });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.log.slice(-6_000)}`, { cause: error });
    }
  }
}

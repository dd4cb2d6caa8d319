import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { FailpointName } from '@elstream/core';
import { eventually, type EventuallyOptions } from '@elstream/testing';
import { CHILD_SETTINGS, type ChildSettings } from './child-settings';

/** From sources (under jest) the child is compiled as it loads; from dist it is there. */
const FROM_SOURCES = __filename.endsWith('.ts');

export interface ChildOptions extends ChildSettings {
  readonly logFile: string;
}

/** A process that runs the whole pipeline, to be killed. */
export class PipelineProcess {
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  private readonly child: ChildProcess;
  private exited = false;

  constructor(private readonly options: ChildOptions) {
    const { logFile, ...settings } = options;
    const log = openSync(logFile, 'a');
    this.child = fork(path.join(__dirname, FROM_SOURCES ? 'child.ts' : 'child.js'), [], {
      execArgv: FROM_SOURCES ? ['--require', path.join(__dirname, 'typescript.cjs')] : [],
      env: { ...process.env, [CHILD_SETTINGS]: JSON.stringify(settings satisfies ChildSettings) },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => {
        this.exited = true;
        resolve({ code, signal });
      });
    });
  }

  /** Where the process was ambushed, or null. */
  get mark(): FailpointName | null {
    const { marker } = this.options;
    return existsSync(marker) ? (readFileSync(marker, 'utf8') as FailpointName) : null;
  }

  get log(): string {
    return existsSync(this.options.logFile) ? readFileSync(this.options.logFile, 'utf8') : '';
  }

  get alive(): boolean {
    return !this.exited;
  }

  send(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it died by its own ambush, and returns where: a death anywhere else, or none, is an error. */
  async diesAt(failpoint: FailpointName, within: EventuallyOptions): Promise<void> {
    await this.awaits(`a process dying at ${failpoint}`, () => this.exited, within);
    const { code, signal } = await this.ended;
    if (signal !== 'SIGKILL' || this.mark !== failpoint) {
      throw new Error(`the process ended (code ${String(code)}, signal ${String(signal)}, mark ${String(this.mark)}), not at ${failpoint}\n${this.log.slice(-4_000)}`);
    }
  }

  /** Waits until it stands still in its ambush. */
  async stopsAt(failpoint: FailpointName, within: EventuallyOptions): Promise<void> {
    await this.awaits(`a process stopping at ${failpoint}`, () => this.mark === failpoint || this.exited, within);
    if (this.exited) throw new Error(`the process ended before ${failpoint}\n${this.log.slice(-4_000)}`);
  }

  private async awaits(describe: string, probe: () => boolean, within: EventuallyOptions): Promise<void> {
    try {
      await eventually(probe, { ...within, describe });
    } catch (error) {
      this.send('SIGKILL');
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.log.slice(-6_000)}`, { cause: error });
    }
  }

  async kill(): Promise<void> {
    if (!this.exited) this.send('SIGKILL');
    await this.ended;
  }

  /** SIGTERM; expects exit code 0 (R12). */
  async stop(): Promise<void> {
    this.send('SIGTERM');
    const { code, signal } = await this.ended;
    if (code !== 0) throw new Error(`the process ended with code ${String(code)}, signal ${String(signal)} after SIGTERM\n${this.log.slice(-4_000)}`);
  }
}

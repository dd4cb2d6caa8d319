import { type ChildProcess, spawn } from 'node:child_process';
import { sleep } from '@elstream/core';
import { type Probe } from './manifest';

export interface WorkloadOrder {
  /** Name and number of the replica. */
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing is inherited but PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** File descriptor that both outputs go to. */
  readonly output: number;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A container's process, looked after as a node would: probes, then SIGTERM and a time of grace. */
export class WorkloadProcess {
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private running = true;
  private stopping = false;

  constructor(private readonly order: WorkloadOrder) {
    const [program = '', ...args] = order.command;
    const { PATH = '' } = process.env;
    // `node` is this very one, as in the image there is but one.
    this.child = spawn(program === 'node' ? process.execPath : program, args, { cwd: order.cwd, env: { PATH, ...order.env }, stdio: ['ignore', order.output, order.output] });
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', (code, signal) => {
        this.running = false;
        resolve({ code, signal });
      });
    });
    this.ended.catch(() => undefined);
  }

  /** Rejects when the process ends before it was asked to. */
  async failure(): Promise<never> {
    const { code, signal } = await this.ended;
    if (this.stopping) return new Promise<never>(() => undefined);
    throw new Error(`${this.order.name} ended by itself (${code === null ? String(signal) : `exit code ${String(code)}`})`);
  }

  /** Resolves when the probe has succeeded once. Rejects after `patienceMs`, naming probe and last answer. */
  async passes(what: string, probe: Probe, patienceMs: number): Promise<void> {
    let last = 'no answer';
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(100)) {
      if (!this.running) return;
      last = await this.ask(probe);
      if (last === 'ok') return;
    }
    throw new Error(`${this.order.name}: ${what} probe ${probe.path} did not pass within ${String(patienceMs / 1_000)} s (${last})`);
  }

  /** Asks at the probe's pace until the process ends; rejects when a node would have killed it. */
  async watch(probe: Probe): Promise<never> {
    let failures = 0;
    while (this.running && !this.stopping) {
      const answer = await this.ask(probe);
      failures = answer === 'ok' ? 0 : failures + 1;
      if (failures >= probe.failures && this.running && !this.stopping) throw new Error(`${this.order.name}: liveness probe ${probe.path} failed ${String(failures)} times in a row (${answer})`);
      await Promise.race([sleep(probe.periodMs), this.ended]);
    }
    return new Promise<never>(() => undefined);
  }

  /** SIGTERM; SIGKILL after the grace. Rejects unless it ended with 0 (R12). */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    if (this.running) this.child.kill('SIGTERM');
    const late = new AbortController();
    void sleep(graceMs, late.signal).then(() => {
      if (!late.signal.aborted) this.child.kill('SIGKILL');
    });
    const { code, signal } = await this.ended;
    late.abort();
    if (code !== 0) throw new Error(`${this.order.name} ended with ${code === null ? String(signal) : `code ${String(code)}`} after SIGTERM`);
  }

  private async ask({ path, timeoutMs }: Probe): Promise<string> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.order.env['HTTP_PORT'] ?? ''}${path}`, { signal: AbortSignal.timeout(timeoutMs) });
      const text = await response.text();
      return response.ok ? 'ok' : `${String(response.status)} ${text.slice(0, 300)}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

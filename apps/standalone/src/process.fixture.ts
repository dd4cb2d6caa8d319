import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '@elstream/testing';

const root = path.join(__dirname, '..', '..', '..');

/** A program of this project, started from its sources as a person starts it. */
export class Program {
  stdout = '';
  stderr = '';
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly ms: number }>;
  private readonly child: ChildProcess;

  constructor(entry: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const { SOURCE_URL: _source, WAREHOUSE_URL: _warehouse, PIPELINES_DIR: _pipelines, ...inherited } = process.env;
    this.child = spawn(process.execPath, ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(__dirname, entry), ...args], {
      env: { ...inherited, HTTP_PORT: '0', LOG_LEVEL: 'info', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    const began = performance.now();
    this.exited = new Promise((resolve) => this.child.once('close', (code, signal) => resolve({ code, signal, ms: performance.now() - began })));
  }

  /** Waits for a match in the output; fails at once when the program ends without. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const failed = this.exited.then(() => Promise.reject(new Error(`ended without saying ${String(pattern)}:\n${this.stdout}\n${this.stderr}`)));
    return eventually(
      () => {
        const found = pattern.exec(`${this.stdout}\n${this.stderr}`);
        if (found === null) throw new Error(`${this.stdout}\n${this.stderr}`);
        return found;
      },
      { timeoutMs: 60_000, describe: String(pattern), unlessFails: failed },
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends the signal; resolves to the exit code and how long the end took. */
  async end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly ms: number }> {
    const began = performance.now();
    this.kill(signal);
    const { code } = await this.exited;
    return { code, ms: performance.now() - began };
  }
}

/** A folder for VAR_DIR that a server's account can reach; gone afterwards. */
export function varFolder(): { readonly folder: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-standalone-'));
  chmodSync(folder, 0o755);
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

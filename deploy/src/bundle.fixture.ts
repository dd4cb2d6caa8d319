import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@elstream/testing';

const root = path.join(__dirname, '..', '..');

/** All bundles, made as the image's build stage makes them. */
export async function makeBundles(): Promise<{ readonly folder: string; [Symbol.dispose](): void }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-bundles-'));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await promisify(execFile)(process.execPath, [path.join(root, 'tools', 'bundle.mjs'), '--out', folder], { cwd: root });
  } catch (error) {
    dispose();
    throw error;
  }
  return { folder, [Symbol.dispose]: dispose };
}

/** What the image has in /app, with the pipeline files where they are mounted; nothing of the repository is above it. */
export function appFolder(bundles: string, withPipelines: boolean): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-app-'));
  cpSync(bundles, folder, { recursive: true });
  if (withPipelines) cpSync(path.join(root, 'pipelines'), path.join(folder, 'pipelines'), { recursive: true });
  return folder;
}

/** Every file below a folder. */
export const filesOf = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort();

/** A program of the image, with this environment and no other. */
export class Started {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(cwd: string, [program = '', ...args]: readonly string[], env: Readonly<Record<string, string>>) {
    // As in the image's ENV; its PATH finds this Node.
    this.child = spawn(program, args, { cwd, env: { PATH: path.dirname(process.execPath), NODE_ENV: 'production', NODE_OPTIONS: '--enable-source-maps', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code) => resolve(code));
    });
  }

  /** The address it listens on, from its log. */
  address(): Promise<string> {
    return eventually(
      () => {
        const found = /"address":"(http:\/\/[^"]+)"/.exec(this.output)?.[1];
        if (found === undefined) throw new Error(this.output);
        return found;
      },
      { timeoutMs: 60_000, describe: 'the logged address', unlessFails: this.mustRun() },
    );
  }

  /** Rejects with the output when the program ends. */
  async mustRun(): Promise<never> {
    const code = await this.ended;
    throw new Error(`ended with ${String(code)}:\n${this.output}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}

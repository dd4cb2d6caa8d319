import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';

const register = path.join(__dirname, '..', '..', '..', '..', 'tools', 'swc-register.cjs');
const main = path.join(__dirname, 'worker-process.fixture.ts');

export interface WorkerProcess {
  readonly lines: readonly string[];
  say(command: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Exit code once it has ended by itself; null while it runs. */
  exitCode(): number | null;
  kill(): void;
}

/** Starts a worker process on the Redis at `url`. */
export function startWorkerProcess(url: string, prefix: string, leaseMs: number): WorkerProcess {
  const child = spawn(process.execPath, ['-r', register, main, url, prefix, String(leaseMs)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return {
    lines,
    say: (command) => void child.stdin.write(`${command}\n`),
    signal: (signal) => void child.kill(signal),
    exitCode: () => child.exitCode,
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Polls until `condition` holds; fails after 30 s, naming what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

import { type SpawnOptions, spawn } from 'node:child_process';

/** How a program ended: exit code (undefined: not started, by a signal, or given up) and what it printed. */
export interface Ended {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or to the end of `timeoutMs`. Never throws: a program that is not there ends with its error as stderr. */
export function run(program: string, args: readonly string[], options: Pick<SpawnOptions, 'cwd' | 'env'> & { timeoutMs?: number } = {}): Promise<Ended> {
  const { timeoutMs = 180_000, ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'] });
    // Not spawn's own `timeout`: of a program that is not there it would keep us waiting to its end.
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const end = (ended: Ended): void => {
      clearTimeout(timer);
      resolve(ended);
    };
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', (error) => end({ code: undefined, stdout, stderr: error.message }));
    child.once('close', (code, signal) => end({ code: code ?? undefined, stdout, stderr: signal === null ? stderr : `${stderr}ended by ${signal}` }));
  });
}

import { type ChildProcess, spawn } from 'node:child_process';

/**
 * A child must not outlive us, even when it is stopped and we are killed: a shell waits for the end of a pipe that only we hold.
 *
 * @returns lets go of a child that has ended
 */
export function endsWithUs(child: ChildProcess): () => void {
  const shell = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$1"', 'guard', String(child.pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  return () => shell.kill('SIGKILL');
}

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { GoldenStatement } from '@elstream/testing';

/**
 * Every statement the control store issues on SQL Server, TypeORM's among them. Recorded by another process: building
 * them takes waiting, and jest wants to know its tests before anything can be awaited.
 */
export function statements(): GoldenStatement[] {
  const register = path.join(__dirname, '..', '..', '..', '..', 'tools', 'swc-register.cjs');
  const answer = execFileSync(process.execPath, ['-r', register, path.join(__dirname, 'print-statements.fixture.ts')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000, maxBuffer: 2 ** 26 });
  return JSON.parse(answer) as GoldenStatement[];
}

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { workspaceRoot } from '../test-server/lease';

/**
 * What a grammar of T-SQL, our rules on its tree and on the text have to say against each statement, in words; empty:
 * nothing. Only syntax is looked at: whether names and types fit is known by a server alone.
 */
export function tsqlProblems(statements: readonly string[]): readonly (readonly string[])[] {
  if (statements.length === 0) return [];
  const register = path.join(workspaceRoot, 'tools', 'swc-register.cjs');
  const script = path.join(workspaceRoot, 'libs', 'testing', 'src', 'mssql', 'tsql-check-main.ts');
  const answer = execFileSync(process.execPath, ['-r', register, script], { encoding: 'utf8', input: JSON.stringify(statements), timeout: 120_000, maxBuffer: 2 ** 26, stdio: ['pipe', 'pipe', 'inherit'] });
  return JSON.parse(answer) as string[][];
}

/** The parser's answer to what it does not know begins so. */
export const NOT_PARSED = 'not parsed: ';

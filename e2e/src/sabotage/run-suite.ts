import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { Rule } from '@elstream/core';
import type { Suite } from './suites';

export interface Outcome {
  /** `broken`: the suite could not be run at all, which proves nothing. */
  readonly is: 'green' | 'red' | 'broken';
  readonly passed: number;
  readonly failed: number;
  readonly firstFailure: string | null;
  readonly seconds: number;
  /** End of what jest printed. */
  readonly output: string;
}

/** What of jest's `--json` report is used. */
interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly { readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[] }[];
}

const ROOT = path.join(__dirname, '..', '..', '..');
const jest = createRequire(createRequire(path.join(ROOT, 'package.json')).resolve('jest/package.json')).resolve('jest-cli/bin/jest');

/** Runs one spec file with the rule switched off (or none). */
export async function runSuite({ project, file }: Suite, rule: Rule | null): Promise<Outcome> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-sabotage-'));
  const report = path.join(folder, 'report.json');
  const began = Date.now();
  try {
    const output = await run([jest, '-c', 'jest.config.cjs', '--runTestsByPath', file, '--json', `--outputFile=${report}`, '--reporters=default'], path.join(ROOT, project), {
      ...process.env,
      NODE_ENV: 'test',
      ELSTREAM_SABOTAGE: rule ?? '',
    });
    return { ...judge(report), seconds: (Date.now() - began) / 1000, output: output.slice(-4_000) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge(file: string): Pick<Outcome, 'is' | 'passed' | 'failed' | 'firstFailure'> {
  let report: JestReport;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as JestReport;
  } catch {
    return { is: 'broken', passed: 0, failed: 0, firstFailure: null };
  }
  const { numPassedTests: passed, numFailedTests: failed } = report;
  const firstFailure = report.testResults.flatMap((r) => r.assertionResults).find((t) => t.status === 'failed')?.fullName ?? null;
  const ran = report.numRuntimeErrorTestSuites === 0 && passed + failed > 0;
  return { is: !ran ? 'broken' : failed > 0 ? 'red' : 'green', passed, failed, firstFailure };
}

function run(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (piece: Buffer): void => {
      output = (output + piece.toString('utf8')).slice(-100_000);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

// npm test: every project's tests through nx, then one total line, the last of stdout: `N passed, N failed`; before it what was skipped.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { projects, root } from './lint/boundaries.mjs';
import { prepare } from './prepare.mjs';

const nx = createRequire(import.meta.url).resolve('nx/bin/nx.js');
const resultsOf = (project) => path.join(root, project.dir, 'test-results');

function hasSpecs(project) {
  const src = path.join(root, project.dir, 'src');
  return existsSync(src) && readdirSync(src, { recursive: true }).some((file) => String(file).endsWith('.spec.ts'));
}

function runNx(args, env) {
  const child = spawn(process.execPath, [nx, 'run-many', '-t', 'test', '--parallel=2', '--output-style=stream', ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, NX_TUI: 'false' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}

/** A project's counts; one with specs but without a results file crashed, which counts as one failure. */
function countsOf(project) {
  const file = path.join(resultsOf(project), 'results.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const crashed = hasSpecs(project);
  return { passed: 0, failed: crashed ? 1 : 0, skipped: 0, skippedSuites: [], forbiddenSkips: [], crashed };
}

const all = projects();
// What is there afterwards was written by this run, or brought back by nx for a target that need not run again.
for (const project of all) rmSync(resultsOf(project), { recursive: true, force: true });
const { missing } = await prepare();
for (const { name, suffix, why } of missing) console.error(`${name} is missing${suffix ? `, *.${suffix}.spec.ts are skipped` : ', tests that need it fail'}: ${why}`);
const without = [...(process.env.ELSTREAM_TESTS_WITHOUT ?? '').split(','), ...missing.map(({ suffix }) => suffix)].filter(Boolean);
const code = await runNx(process.argv.slice(2), { ELSTREAM_TESTS_WITHOUT: without.join() });

const total = { passed: 0, failed: 0, skipped: 0 };
let forbidden = false;
console.log('');
for (const project of all) {
  const counts = countsOf(project);
  for (const key of Object.keys(total)) total[key] += counts[key];
  if (counts.crashed) console.log(`${project.dir}: ended without results (counted as failed)`);
  else if (counts.failed > 0) console.log(`${project.dir}: ${counts.failed} failed`);
  // Once more, because the first time is thousands of lines above.
  for (const { file, test, message } of counts.failures ?? []) console.log(`${project.dir}/${file}: FAILED ${test}\n${message.replace(/^/gm, '    ')}`);
  for (const { file, tests } of counts.skippedSuites) console.log(`${project.dir}/${file}: ${tests} skipped`);
  if (counts.forbiddenSkips.length > 0) forbidden = true;
}
if (forbidden) console.log('under CI=true only *.mssql.spec.ts may be skipped: this run fails');
if (total.passed + total.failed === 0) console.log('no test ran: this run fails');
if (code !== 0 && total.failed === 0) console.log('nx failed, see above: this run fails');
process.exitCode = code !== 0 || total.failed > 0 || total.passed === 0 || forbidden ? 1 : 0;
if (total.skipped > 0) console.log(`${total.skipped} skipped, by name above`);
console.log(`${total.passed} passed, ${total.failed} failed`);

import { parseArgs } from 'node:util';
import { CHECKS, forSpec, type Check } from './checks';
import { explore, type Limits } from './engine';
import { createModel } from './model';

/**
 * `npm run model -- [--only <part of a name>] [--max-states n] [--minutes n] [--small]`: every check at its full
 * bounds, one line each, the trace of each counterexample, and `N passed, N failed` last. A check that a limit cuts
 * short has failed: nothing was proved.
 */
function run(check: Check, limits: Limits): boolean {
  const { states, edges, quiesced, ms, outcome, problem, trace } = explore(createModel(check.config), limits);
  const ok = outcome === check.expected;
  print(`${ok ? 'ok  ' : 'DIFF'} | ${check.name} | ${outcome} | states ${states} edges ${edges} quiesced ${quiesced} | ${(ms / 1000).toFixed(1)}s`);
  if (problem !== null) print([problem, ...trace].map((line) => `      ${line}`).join('\n'));
  return ok;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} must be a positive number, not '${text}'`);
  return value;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      'max-states': { type: 'string', default: '60000000' },
      minutes: { type: 'string', default: '120' },
      small: { type: 'boolean', default: false },
    },
  });
  const maxStates = positive('max-states', values['max-states']);
  const deadline = Date.now() + positive('minutes', values.minutes) * 60_000;
  const checks = CHECKS.filter((check) => check.name.includes(values.only)).map((check) => (values.small ? forSpec(check) : check));
  let passed = 0;
  for (const check of checks) if (run(check, { maxStates, maxMs: Math.max(deadline - Date.now(), 1) })) passed += 1;
  print(`${passed} passed, ${checks.length - passed} failed`);
  process.exitCode = passed === checks.length && passed > 0 ? 0 : 1;
}

main();

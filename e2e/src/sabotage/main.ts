import type { Rule } from '@elstream/core';
import { runMain, say } from '../command-line';
import { runSuite, type Outcome } from './run-suite';
import { SUITES, type Suite } from './suites';

/**
 * Switches the rules off one at a time: each of a rule's suites must turn red, and all must be green with every rule in force.
 * Prints a table; exit code 0 only if all of that holds.
 */
async function main(): Promise<number> {
  const rules = Object.keys(SUITES) as Rule[];
  const pairs = rules.flatMap((rule) => SUITES[rule].map((suite) => ({ rule, suite })));
  const distinct = new Map(pairs.map(({ suite }) => [nameOf(suite), suite]));
  for (const suite of distinct.values()) {
    const outcome = await runSuite(suite, null);
    say(`with every rule in force  ${nameOf(suite)}: ${outcome.is} (${String(outcome.passed)} tests, ${outcome.seconds.toFixed(1)} s)`);
    if (outcome.is !== 'green') {
      say(`${outcome.output}\n${nameOf(suite)} has to be green before anything is switched off`);
      return 1;
    }
  }
  const lines: string[][] = [['rule switched off', 'suite', 'result', 'seconds', 'first failing test']];
  let unnoticed = 0;
  for (const { rule, suite } of pairs) {
    const outcome = await runSuite(suite, rule);
    if (outcome.is !== 'red') unnoticed += 1;
    if (outcome.is === 'broken') say(outcome.output);
    lines.push([rule, nameOf(suite), resultOf(outcome), outcome.seconds.toFixed(1), outcome.firstFailure ?? '']);
    say(`without ${rule}: ${nameOf(suite)} ${resultOf(outcome)}`);
  }
  say(`\n${table(lines)}\n`);
  say(unnoticed === 0 ? `sabotage: each of ${String(rules.length)} rules, switched off, turned a suite red` : `sabotage: of ${String(pairs.length)} suites ${String(unnoticed)} did not notice that a rule was switched off`);
  return unnoticed === 0 ? 0 : 1;
}

function nameOf({ project, file }: Suite): string {
  return `${project}/${file}`;
}

function resultOf(outcome: Outcome): string {
  switch (outcome.is) {
    case 'red':
      return `red (${String(outcome.failed)} of ${String(outcome.failed + outcome.passed)})`;
    case 'green':
      return 'STAYED GREEN';
    case 'broken':
      return 'DID NOT RUN';
  }
  return outcome.is satisfies never;
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()).join('\n');
}

runMain(main);

import { isEqual } from './compare-main';
import { type DemoResult } from './demo';
import { whole } from './output';

/** Keys that either comparison found unequal, and rows it could not settle. */
function differencesOf({ comparison, own }: DemoResult): number {
  const found = Object.values(comparison).reduce((sum, t) => sum + (isEqual(t) ? 0 : Math.max(1, t.keys)), 0);
  return Math.max(found, own.differences + own.unverified);
}

/** The machine's line: the very last of stdout. */
export function resultLine(result: DemoResult, seconds: number): string {
  const differences = differencesOf(result);
  return JSON.stringify({
    demo: isEqualAndHealed(result) ? 'ok' : 'failed',
    seconds: Math.round(seconds * 10) / 10,
    mode: result.mode,
    stream: result.stream,
    tables: Object.fromEntries(Object.entries(result.comparison).map(([table, { source, warehouse }]) => [table, { source, warehouse }])),
    preloadedRows: result.preload.rows,
    changesApplied: result.changesApplied,
    changesDuringPreload: result.duringPreload.changes,
    keyMovesDuringPreload: result.duringPreload.keyMoves,
    differences,
    ...(result.healed ?? {}),
  });
}

/** Both sides are equal, and everything that was to be shown was shown. */
export function isEqualAndHealed(result: DemoResult): boolean {
  const { healed } = result;
  return differencesOf(result) === 0 && (healed === null || (healed.found === 4 && healed.repaired === 4 && healed.parked === 1 && healed.replayed === 1));
}

const plural = (n: number, thing: string): string => `${whole(n)} ${thing}${n === 1 ? '' : 's'}`;

/** What happened, for a person. */
export function summary(result: DemoResult): string[] {
  const { comparison, own, preload, duringPreload, total, writer } = result;
  const rule = '─'.repeat(78);
  const head = `  ${'table'.padEnd(18)}${'source'.padStart(14)}${'warehouse'.padStart(14)}${'only source'.padStart(14)}${'only wareh.'.padStart(14)}`;
  const rows = Object.entries(comparison).map(
    ([table, t]) => `${isEqual(t) ? '✔' : '✘'} ${table.padEnd(18)}${whole(t.source).padStart(14)}${whole(t.warehouse).padStart(14)}${whole(t.onlyInSource).padStart(14)}${whole(t.onlyInWarehouse).padStart(14)}`,
  );
  const differences = differencesOf(result);
  const rate = preload.ms > 0 ? (preload.rows / preload.ms) * 1000 : 0;
  return [
    '',
    rule,
    head,
    ...rows,
    rule,
    `  preloaded          ${whole(preload.rows)} rows in ${(preload.ms / 1000).toFixed(1)} s (${whole(rate)} rows/s)`,
    `  meanwhile          ${whole(duringPreload.changes)} changes committed at the source, ${whole(duringPreload.keyMoves)} of them moved a key`,
    `  the writer         ${whole(total.changes)} changes in ${whole(writer.committed)} transactions; ${whole(writer.rolledBack + writer.conflicts)} transactions rolled back`,
    `  the stream         ${whole(result.changesApplied)} changes applied, the last of them ${result.catchUpMs.toFixed(0)} ms after the writer's end at most`,
    `  own comparison     ${whole(own.rows)} rows: ${plural(own.differences, 'difference')}, ${whole(own.unverified)} unsettled`,
    ...healing(result),
    ...own.examples.map((d) => `    ${d.kind} ${d.table} ${d.key}${d.columns.length > 0 ? ` (${d.columns.join(', ')})` : ''}`),
    '',
    differences === 0 ? '  Both sides are equal, row by row.' : `  THE SIDES DIFFER: ${plural(differences, 'key')}.${exampleKeys(result)}`,
    '',
  ];
}

function healing({ healed }: DemoResult): string[] {
  if (healed === null) return [];
  return [`  healing            ${String(healed.found)} damages found, ${String(healed.repaired)} repaired; a column added; ${String(healed.parked)} event parked, ${String(healed.replayed)} replayed`];
}

function exampleKeys({ comparison }: DemoResult): string {
  return Object.entries(comparison)
    .filter(([, t]) => t.examples.length > 0)
    .map(([table, t]) => ` ${table}: ${t.examples.join(', ')}.`)
    .join('');
}

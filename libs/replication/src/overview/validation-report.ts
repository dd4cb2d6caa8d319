import type { Task } from '@elstream/control';
import type { HistoryReport, RepairReport, ValidationReport } from './overview';

/** Sums what `validate-chunk` tasks that are done have found. */
export function reportOf(done: readonly Task[]): ValidationReport {
  const sum = (name: string): number => done.reduce((total, task) => total + count(task.result?.[name]), 0);
  const positions = done.map((task) => task.result?.['position']).filter((position) => typeof position === 'string');
  return {
    rowsCompared: sum('rowsCompared'),
    confirmedEqual: sum('equal'),
    differences: sum('differenceCount'),
    unverified: sum('unverified'),
    ranges: done.length,
    bytesMoved: sum('bytesMoved'),
    durationMs: sum('ms'),
    // Positions of one source are hex of one width: text order is theirs.
    position: positions.sort().at(-1) ?? null,
  };
}

/** Sums what `repair-rows` tasks that are done came to. */
export function repairReportOf(done: readonly Task[]): RepairReport {
  const sum = (name: string): number => done.reduce((total, task) => total + count(task.result?.[name]), 0);
  return { repaired: sum('repaired'), deleted: sum('deleted'), unchanged: sum('unchanged'), moved: sum('moved'), failed: sum('failed') };
}

/** What a table's `finish-validation` says of its derived history: `history` in its result. */
export function historyReportOf(finished: Task | undefined): HistoryReport | null {
  const history = finished?.result?.['history'];
  if (typeof history !== 'object' || history === null) return null;
  const { versions, holes, approximate } = history as Readonly<Record<string, unknown>>;
  return { historyVersions: count(versions), historyHoles: count(holes), historyApproximate: count(approximate) };
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

import type { Task } from '@elstream/control';
import type { ValidationReport } from './overview';

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

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

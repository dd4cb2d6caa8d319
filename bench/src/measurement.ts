/** One measured figure beside its peer of the same run. */
export interface Measurement {
  readonly part: string;
  readonly what: string;
  readonly value: number;
  readonly unit: 'rows/s' | 'changes/s' | 'events/s' | 'ms' | 'MiB';
  readonly peer?: { readonly name: string; readonly value: number };
  readonly note?: string;
}

/** Product ÷ peer: above 1 the product is faster, for rates; for times and memory it is the other way round. */
export function ratio({ value, peer }: Measurement): number | null {
  return peer === undefined || peer.value === 0 ? null : value / peer.value;
}

const number = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1));

/** Lines of a table for people. */
export function table(measurements: readonly Measurement[]): string {
  const rows = measurements.map((m) => {
    const of = ratio(m);
    return [m.part, m.what, `${number(m.value)} ${m.unit}`, m.peer === undefined ? '' : `${number(m.peer.value)} ${m.unit}`, m.peer?.name ?? '', of === null ? '' : of.toFixed(2), m.note ?? ''];
  });
  const all = [['part', 'measured', 'elstream', 'peer', '', 'ratio', ''], ...rows];
  const widths = all[0]?.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0))) ?? [];
  const right = new Set([2, 3, 5]);
  return all.map((row) => row.map((cell, i) => (right.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ').trimEnd()).join('\n');
}

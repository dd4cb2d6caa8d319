import { createHash } from 'node:crypto';
import type { BucketChecksum, Cell, MappedColumn, TableMapping } from '@elstream/core';
import { digestedCell, integerKey } from '../digest-forms';

/** docs/canonical-text.md, said once more in TypeScript, over rows as they travel. */
export function digestOf(mapping: TableMapping, row: readonly Cell[], side: 'source' | 'target' = 'source'): string {
  return md5(mapping.columns.map((column, i) => written(column, row[i] ?? null, side)).join(''));
}

export function bucketOf(mapping: TableMapping, row: readonly Cell[], buckets: number): number {
  const at = integerKey(mapping);
  if (at === null) {
    const key = mapping.key.map((i) => written(mapping.columns[i] as MappedColumn, row[i] ?? null, 'source')).join('');
    return Number.parseInt(md5(key).slice(0, 8), 16) % buckets;
  }
  const m = 2147483647n;
  return Number((((((BigInt(row[at] ?? '0') % m) + m) % m) * 1583458089n) % m) % BigInt(buckets));
}

export function checksumsOf(mapping: TableMapping, rows: readonly (readonly Cell[])[], buckets: number): BucketChecksum[] {
  const sums = new Map<number, { rows: number; high: bigint; low: bigint }>();
  for (const row of rows) {
    const bucket = bucketOf(mapping, row, buckets);
    const digest = digestOf(mapping, row);
    const { rows: count, high, low } = sums.get(bucket) ?? { rows: 0, high: 0n, low: 0n };
    sums.set(bucket, { rows: count + 1, high: high + BigInt(`0x${digest.slice(0, 16)}`), low: low + BigInt(`0x${digest.slice(16)}`) });
  }
  const hex = (sum: bigint): string => BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
  return [...sums].map(([bucket, { rows: count, high, low }]) => ({ bucket, rows: count, checksum: hex(high) + hex(low) }));
}

const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex');

function written(column: MappedColumn, cell: Cell, side: 'source' | 'target'): string {
  const { form, hidden } = digestedCell(column, side);
  const shown = hidden ? null : cell;
  if (form === 'free') return shown === null ? ':' : `${String(Buffer.byteLength(shown))}:${shown}`;
  return `${shown === null ? '' : plain(form, shown)}\u001f`;
}

function plain(form: 'raw' | 'decimal' | 'float4' | 'float8', cell: string): string {
  if (form === 'raw') return cell;
  if (form === 'decimal') return cell.includes('.') ? cell.replace(/\.?0+$/, '') : cell;
  const bytes = Buffer.alloc(form === 'float4' ? 4 : 8);
  if (form === 'float4') bytes.writeFloatBE(Number(cell));
  else bytes.writeDoubleBE(Number(cell));
  return bytes.toString('hex');
}

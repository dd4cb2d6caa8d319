import { formatLsn } from '@elstream/database';
import { LogPosition } from '@elstream/core';

/** Builds replication bytes for pure tests. */
const u8 = (n: number): Buffer => Buffer.from([n]);
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const u32 = (n: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n | 0);
  return b;
};
const u64 = (n: bigint): Buffer => {
  const b = Buffer.alloc(8);
  b.writeBigInt64BE(n);
  return b;
};
const str = (text: string): Buffer => Buffer.from(`${text}\0`);
const tag = (letter: string): Buffer => Buffer.from(letter);

export type TestCell = string | null | undefined;

export function tuple(cells: readonly TestCell[]): Buffer {
  const parts = cells.map((cell) => (cell === null ? tag('n') : cell === undefined ? tag('u') : Buffer.concat([tag('t'), u32(Buffer.byteLength(cell)), Buffer.from(cell)])));
  return Buffer.concat([u16(cells.length), ...parts]);
}

export const begin = (commit: bigint, us = 0n): Buffer => Buffer.concat([tag('B'), u64(commit), u64(us), u32(7)]);
export const commit = (at: bigint, end: bigint): Buffer => Buffer.concat([tag('C'), u8(0), u64(at), u64(end), u64(0n)]);
export const insert = (oid: number, cells: readonly TestCell[]): Buffer => Buffer.concat([tag('I'), u32(oid), tag('N'), tuple(cells)]);
export const remove = (oid: number, kind: 'K' | 'O', cells: readonly TestCell[]): Buffer => Buffer.concat([tag('D'), u32(oid), tag(kind), tuple(cells)]);
export const update = (oid: number, cells: readonly TestCell[], old?: readonly ['K' | 'O', readonly TestCell[]]): Buffer =>
  Buffer.concat([tag('U'), u32(oid), ...(old === undefined ? [] : [tag(old[0]), tuple(old[1])]), tag('N'), tuple(cells)]);
export const truncate = (...oids: number[]): Buffer => Buffer.concat([tag('T'), u32(oids.length), u8(0), ...oids.map(u32)]);
export const message = (prefix: string, content: string, transactional = true): Buffer =>
  Buffer.concat([tag('M'), u8(transactional ? 1 : 0), u64(1n), str(prefix), u32(Buffer.byteLength(content)), Buffer.from(content)]);
export const relation = (oid: number, name: string, columns: readonly (string | readonly [name: string, type: number, typmod: number])[], schema = 'public'): Buffer =>
  Buffer.concat([
    tag('R'),
    u32(oid),
    str(schema),
    str(name),
    tag('d'),
    u16(columns.length),
    ...columns.map((column) => {
      const [columnName, type, typmod] = typeof column === 'string' ? ([column, 25, -1] as const) : column;
      return Buffer.concat([u8(1), str(columnName), u32(type), u32(typmod)]);
    }),
  ]);

/** A message as it comes over the wire. */
export const frame = (body: Buffer): Buffer => Buffer.concat([tag('w'), u64(1n), u64(1n), u64(0n), body]);
export const keepalive = (end: bigint, replyRequested = false): Buffer => Buffer.concat([tag('k'), u64(end), u64(0n), u8(replyRequested ? 1 : 0)]);

export const at = (lsn: bigint): LogPosition => LogPosition.fromBigInt(lsn, 8);
export const lsnText = (lsn: bigint): string => formatLsn(at(lsn));

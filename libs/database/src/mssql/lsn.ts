import { LogPosition } from '@elstream/core';

/** Bytes of a log sequence number: 4 of the virtual log file, 4 of the block in it, 2 of the record in the block. */
export const CDC_LSN_BYTES = 10;

const TEXT = /^([0-9a-f]{8}):([0-9a-f]{8}):([0-9a-f]{4})$/i;
const HEX = /^(?:0x)?([0-9a-f]{20})$/i;

/**
 * `0000002a:00000f30:0003`, as views of the log and Debezium print it (either case), or the twenty hex digits of a
 * binary(10) → its 10 bytes, which sort as the log does. Throws RangeError for anything else: a text of another width
 * would sort wrongly.
 */
export function parseCdcLsn(text: string): LogPosition {
  const [, file, block, record] = TEXT.exec(text) ?? [];
  const hex = file !== undefined && block !== undefined && record !== undefined ? file + block + record : HEX.exec(text)?.[1];
  if (hex === undefined) throw new RangeError(`not a log sequence number of SQL Server: ${JSON.stringify(text)}`);
  return LogPosition.parse(hex.toLowerCase());
}

/** A position of 10 bytes → `0000002a:00000f30:0003`, in lower case as Debezium has it. */
export function formatCdcLsn(position: LogPosition): string {
  const { hex } = position;
  if (hex.length !== CDC_LSN_BYTES * 2) throw new RangeError(`not a position of SQL Server: ${JSON.stringify(hex)}`);
  return `${hex.slice(0, 8)}:${hex.slice(8, 16)}:${hex.slice(16)}`;
}

/** A binary(10) of the server, `__$start_lsn` and its like. */
export function cdcLsnOfBytes(bytes: Uint8Array): LogPosition {
  return parseCdcLsn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'));
}

const BLOCKS = 10n ** 10n;
const RECORDS = 10n ** 5n;

/**
 * The decimal form that numeric(25,0) columns hold (`last_redone_lsn`, backup history): the three parts written side by
 * side, the block in ten digits, the record in five. Throws RangeError for what is none.
 */
export function parseNumericLsn(digits: string): LogPosition {
  if (!/^\d{1,25}$/.test(digits)) throw new RangeError(`not a log sequence number of SQL Server: ${JSON.stringify(digits)}`);
  const value = BigInt(digits);
  const [file, block, record] = [value / (BLOCKS * RECORDS), (value / RECORDS) % BLOCKS, value % RECORDS];
  if (file > 0xffffffffn || block > 0xffffffffn || record > 0xffffn) throw new RangeError(`not a log sequence number of SQL Server: ${JSON.stringify(digits)}`);
  return LogPosition.fromBigInt((file << 48n) | (block << 16n) | record, CDC_LSN_BYTES);
}

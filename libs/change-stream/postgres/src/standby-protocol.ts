import { type LogPosition } from '@elstream/core';
import { LSN_BYTES } from '@elstream/database';
import { ByteReader } from './byte-reader';

/**
 * What travels inside CopyData on a replication connection.
 * Source: PostgreSQL manual, "Streaming Replication Protocol".
 */
export type WalFrame =
  | { readonly kind: 'data'; readonly body: Buffer }
  /** `end`: everything that committed below it was sent before this message. */
  | { readonly kind: 'keepalive'; readonly end: LogPosition; readonly replyRequested: boolean };

const TAG_DATA = 0x77;
const TAG_KEEPALIVE = 0x6b;
const DATA_HEADER_BYTES = 25;

/** @throws RangeError on an unknown frame */
export function parseWalFrame(frame: Buffer): WalFrame {
  if (frame[0] === TAG_DATA) return { kind: 'data', body: frame.subarray(DATA_HEADER_BYTES) };
  if (frame[0] !== TAG_KEEPALIVE) throw new RangeError(`unknown replication message 0x${(frame[0] ?? 0).toString(16)}`);
  const reader = new ByteReader(frame);
  reader.uint8();
  const end = reader.position();
  reader.int64();
  return { kind: 'keepalive', end, replyRequested: reader.uint8() === 1 };
}

export function isKeepalive(frame: Buffer): boolean {
  return frame[0] === TAG_KEEPALIVE;
}

const POSTGRES_EPOCH_MS = 946_684_800_000;

/**
 * A standby status update. All three positions are the durable one: the server may forget everything that committed
 * *below* it. Never durable + 1: the next commit record can begin exactly there.
 * @param nowMs milliseconds since 1970
 */
export function encodeStandbyStatus(durable: LogPosition, nowMs: number, requestReply: boolean): Buffer {
  const lsn = durable.toBigInt();
  const buffer = Buffer.alloc(1 + 3 * LSN_BYTES + 8 + 1);
  buffer.write('r', 0, 'latin1');
  buffer.writeBigUInt64BE(lsn, 1);
  buffer.writeBigUInt64BE(lsn, 9);
  buffer.writeBigUInt64BE(lsn, 17);
  buffer.writeBigInt64BE(BigInt(nowMs - POSTGRES_EPOCH_MS) * 1000n, 25);
  buffer.writeUInt8(requestReply ? 1 : 0, 33);
  return buffer;
}

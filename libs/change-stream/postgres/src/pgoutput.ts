import { type EventCell, type LogPosition } from '@elstream/core';
import { ByteReader } from './byte-reader';

/**
 * The `pgoutput` messages of logical replication, protocol version 1, text values.
 * Source: PostgreSQL manual, "Logical Replication Message Formats". Pure: bytes in, values out.
 */
export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** Part of the replica identity (every column is under REPLICA IDENTITY FULL). */
  readonly identity: boolean;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly RelationColumn[];
}

export type RowOperation = 'insert' | 'update' | 'delete';

export type PgoutputMessage =
  | { readonly kind: 'begin'; readonly position: LogPosition; readonly committedAtUs: bigint }
  | { readonly kind: 'commit'; readonly position: LogPosition; readonly end: LogPosition }
  | { readonly kind: 'relation'; readonly relation: Relation }
  /** `tuples` is decoded with `decodeTuples` only if the row is wanted. */
  | { readonly kind: 'row'; readonly op: RowOperation; readonly relation: number; readonly tuples: Buffer }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }
  | { readonly kind: 'message'; readonly transactional: boolean; readonly prefix: string; readonly content: Buffer }
  /** Origin and type messages: nothing in them concerns us. */
  | { readonly kind: 'ignored' };

export interface OldTuple {
  /** True: the whole old row (REPLICA IDENTITY FULL). False: only identity columns hold values, the rest reads NULL. */
  readonly whole: boolean;
  readonly cells: readonly EventCell[];
}

export interface Tuples {
  readonly old: OldTuple | null;
  readonly row: EventCell[] | null;
}

/** Microseconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

const ROW_OPERATIONS: Readonly<Record<string, RowOperation>> = { I: 'insert', U: 'update', D: 'delete' };

/** @throws RangeError on anything that is not a message of protocol version 1 */
export function parsePgoutput(message: Buffer): PgoutputMessage {
  const reader = new ByteReader(message);
  const tag = reader.tag();
  switch (tag) {
    case 'I':
    case 'U':
    case 'D':
      return { kind: 'row', op: ROW_OPERATIONS[tag] ?? 'insert', relation: reader.uint32(), tuples: reader.rest() };
    case 'B':
      return { kind: 'begin', position: reader.position(), committedAtUs: reader.int64() + POSTGRES_EPOCH_US };
    case 'C':
      reader.uint8();
      return { kind: 'commit', position: reader.position(), end: reader.position() };
    case 'R':
      return { kind: 'relation', relation: parseRelation(reader) };
    case 'T':
      return { kind: 'truncate', relations: parseTruncate(reader) };
    case 'M':
      return parseLogicalMessage(reader);
    case 'O':
    case 'Y':
      return { kind: 'ignored' };
    default:
      throw new RangeError(`unknown pgoutput message '${tag}'`);
  }
}

function parseRelation(reader: ByteReader): Relation {
  const oid = reader.uint32();
  // An empty namespace stands for pg_catalog.
  const schema = reader.cstring() || 'pg_catalog';
  const name = reader.cstring();
  reader.uint8();
  const columns = Array.from({ length: reader.uint16() }, (): RelationColumn => {
    const flags = reader.uint8();
    return { identity: (flags & 1) === 1, name: reader.cstring(), typeOid: reader.uint32(), typmod: reader.int32() };
  });
  return { oid, schema, name, columns };
}

function parseTruncate(reader: ByteReader): number[] {
  const count = reader.uint32();
  reader.uint8();
  return Array.from({ length: count }, () => reader.uint32());
}

function parseLogicalMessage(reader: ByteReader): PgoutputMessage {
  const transactional = (reader.uint8() & 1) === 1;
  reader.position();
  const prefix = reader.cstring();
  return { kind: 'message', transactional, prefix, content: reader.bytes(reader.uint32()) };
}

/**
 * The tuples of a row message, cells placed in the mapping's order.
 * @param targets per relation column its index in the mapping, -1 for one that is left out
 * @param width number of mapped columns
 * @throws RangeError if the tuples do not fit the relation or hold binary values
 */
export function decodeTuples(tuples: Buffer, targets: readonly number[], width: number): Tuples {
  const reader = new ByteReader(tuples);
  let old: OldTuple | null = null;
  while (!reader.atEnd()) {
    const tag = reader.tag();
    if (tag === 'N') return { old, row: decodeTuple(reader, targets, width) };
    if (old !== null || (tag !== 'K' && tag !== 'O')) throw new RangeError(`unexpected tuple '${tag}'`);
    old = { whole: tag === 'O', cells: decodeTuple(reader, targets, width) };
  }
  return { old, row: null };
}

function decodeTuple(reader: ByteReader, targets: readonly number[], width: number): EventCell[] {
  const count = reader.uint16();
  if (count !== targets.length) throw new RangeError(`a tuple of ${count} columns for a relation of ${targets.length}`);
  const cells = new Array<EventCell>(width).fill(undefined);
  for (const target of targets) {
    const tag = reader.tag();
    switch (tag) {
      case 'n':
        if (target >= 0) cells[target] = null;
        break;
      case 'u':
        // An unchanged TOAST value: unknown, never NULL (R6).
        break;
      case 't': {
        const length = reader.uint32();
        if (target >= 0) cells[target] = reader.text(length);
        else reader.bytes(length);
        break;
      }
      default:
        throw new RangeError(`unexpected column format '${tag}'`);
    }
  }
  return cells;
}

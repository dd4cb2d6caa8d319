import { LogPosition } from '@elstream/core';
import { FieldError } from './field-error';
import { type Connector } from './handling';
import { Token, type JsonScanner } from './json/json-scanner';
import { END, ObjectShape } from './json/object-shape';

/** `source.snapshot`; absent and null mean that the event was streamed. */
export type SnapshotMark = 'false' | 'true' | 'first' | 'first_in_data_collection' | 'last_in_data_collection' | 'last' | 'incremental';

interface SourceCommon {
  /** Debezium's; empty where the block does not say. */
  readonly version: string;
  readonly schema: string;
  readonly table: string;
  readonly snapshot: SnapshotMark;
  /** `source.ts_*`, microseconds since 1970: for lag and history, never for order. */
  readonly atUs: bigint;
}

/** Where an event of SQL Server's capture stands. Only `commitLsn` is an order (R3). */
export interface SqlServerSource extends SourceCommon {
  readonly connector: 'sqlserver';
  readonly commitLsn: LogPosition | null;
  readonly changeLsn: LogPosition | null;
  readonly eventSerialNo: bigint | null;
}

export interface PostgresSource extends SourceCommon {
  readonly connector: 'postgresql';
  readonly lsn: LogPosition | null;
  /** The last commit before the transaction, and the event's own LSN. A re-emission can change the first: no commit position (R3). */
  readonly sequence: { readonly lastCommit: LogPosition | null; readonly lsn: LogPosition | null } | null;
  readonly txId: bigint | null;
  readonly xmin: bigint | null;
}

export type SourceBlock = SqlServerSource | PostgresSource;

const FIELDS = ['version', 'connector', 'schema', 'table', 'snapshot', 'ts_ms', 'ts_us', 'ts_ns', 'sequence', 'commit_lsn', 'change_lsn', 'event_serial_no', 'lsn', 'txId', 'xmin'] as const;
type Field = (typeof FIELDS)[number];
const INTEGER_FIELDS: readonly string[] = ['ts_ms', 'ts_us', 'ts_ns', 'event_serial_no', 'lsn', 'txId', 'xmin'] satisfies Field[];
const AT = Object.fromEntries(FIELDS.map((field, i) => [field, i])) as Readonly<Record<Field, number>>;
const IS_INTEGER = FIELDS.map((field) => INTEGER_FIELDS.includes(field));
const MARKS: ReadonlySet<string> = new Set<SnapshotMark>(['false', 'true', 'first', 'first_in_data_collection', 'last_in_data_collection', 'last', 'incremental']);
const SQL_SERVER_LSN = /^[0-9a-f]{8}:[0-9a-f]{8}:[0-9a-f]{4}$/;
const SEQUENCE = /^\[\s*(?:"(\d{1,20})"|null)\s*,\s*(?:"(\d{1,20})"|null)\s*\]$/;

/** Reads source blocks of one connector; positions of one transaction share an object. Not for two records at once. */
export class SourceReader {
  private readonly shape = new ObjectShape(new Map(FIELDS.map((field, i) => [field, i])));
  private readonly texts: (string | null)[] = FIELDS.map(() => null);
  private readonly commit = new LsnMemo(sqlServerLsn);
  private readonly change = new LsnMemo(sqlServerLsn);
  private readonly lsn = new LsnMemo(postgresLsn);
  private readonly lastCommit = new LsnMemo(postgresLsn);

  constructor(private readonly connector: Connector) {}

  /** The scanner stands on the block. @throws FieldError naming the field */
  read(scanner: JsonScanner): SourceBlock {
    const { texts } = this;
    texts.fill(null);
    if (scanner.value() !== Token.Object) throw new FieldError('DEBEZIUM_TYPE', 'source is no object');
    scanner.enter();
    for (let i = 0, slot; (slot = this.shape.next(scanner, i)) !== END; i++) {
      if (slot < 0) scanner.skip();
      else texts[slot] = fieldText(scanner, slot);
    }
    if (this.text('connector') !== this.connector) throw new FieldError('DEBEZIUM_VALUE', `source.connector is not ${this.connector}; the topic belongs to another connector`);
    return this.connector === 'sqlserver' ? this.sqlServer() : this.postgres();
  }

  private sqlServer(): SqlServerSource {
    return {
      connector: 'sqlserver',
      version: this.text('version') ?? '',
      schema: this.text('schema') ?? '',
      table: this.text('table') ?? '',
      snapshot: this.snapshot(),
      atUs: this.atUs(),
      commitLsn: this.commit.of('commit_lsn', this.text('commit_lsn')),
      changeLsn: this.change.of('change_lsn', this.text('change_lsn')),
      eventSerialNo: this.integer('event_serial_no'),
    };
  }

  private postgres(): PostgresSource {
    return {
      connector: 'postgresql',
      version: this.text('version') ?? '',
      schema: this.text('schema') ?? '',
      table: this.text('table') ?? '',
      snapshot: this.snapshot(),
      atUs: this.atUs(),
      lsn: this.lsn.of('lsn', this.text('lsn')),
      sequence: this.sequence(),
      txId: this.integer('txId'),
      xmin: this.integer('xmin'),
    };
  }

  private sequence(): PostgresSource['sequence'] {
    const text = this.text('sequence');
    if (text === null) return null;
    const parts = SEQUENCE.exec(text);
    if (parts === null) throw new FieldError('DEBEZIUM_VALUE', 'source.sequence is not a pair of positions');
    return { lastCommit: this.lastCommit.of('sequence', parts[1] ?? null), lsn: this.lsn.of('sequence', parts[2] ?? null) };
  }

  private text(field: Field): string | null {
    return this.texts[AT[field]] ?? null;
  }

  private integer(field: Field): bigint | null {
    const text = this.text(field);
    return text === null ? null : BigInt(text);
  }

  private snapshot(): SnapshotMark {
    const text = this.text('snapshot') ?? 'false';
    if (!MARKS.has(text)) throw new FieldError('DEBEZIUM_VALUE', 'source.snapshot is none of the known marks');
    return text as SnapshotMark;
  }

  private atUs(): bigint {
    const us = this.integer('ts_us');
    if (us !== null) return us;
    const ns = this.integer('ts_ns');
    if (ns !== null) return ns / 1000n;
    const ms = this.integer('ts_ms');
    if (ms === null) throw new FieldError('DEBEZIUM_VALUE', 'source.ts_ms is missing');
    return ms * 1000n;
  }
}

function fieldText(scanner: JsonScanner, slot: number): string | null {
  const token = scanner.value();
  if (token === Token.Null) return null;
  const whole = token === Token.Number && scanner.whole;
  // `snapshot` was a boolean once
  if (slot === AT.snapshot && (token === Token.True || token === Token.False)) return token === Token.True ? 'true' : 'false';
  const integer = IS_INTEGER[slot] === true;
  if (integer ? !whole : token !== Token.String) throw new FieldError('DEBEZIUM_TYPE', `source.${FIELDS[slot] ?? ''} is not ${integer ? 'an integer' : 'a text'}`);
  return scanner.text();
}

function sqlServerLsn(text: string): LogPosition | null {
  return SQL_SERVER_LSN.test(text) ? LogPosition.parse(text.slice(0, 8) + text.slice(9, 17) + text.slice(18)) : null;
}

function postgresLsn(text: string): LogPosition | null {
  const value = BigInt(text);
  return value >= 0n && value < 1n << 64n ? LogPosition.fromBigInt(value, 8) : null;
}

/** The last position read: one transaction's events repeat it. */
class LsnMemo {
  private text = '';
  private position: LogPosition | null = null;

  constructor(private readonly parse: (text: string) => LogPosition | null) {}

  of(field: Field, text: string | null): LogPosition | null {
    if (text === null) return null;
    if (text !== this.text) {
      const position = this.parse(text);
      if (position === null) throw new FieldError('DEBEZIUM_VALUE', `source.${field} is no position of this source`);
      // joined to a new string: a cut one would keep the whole record alive for as long as the memo lives
      this.text = Buffer.from(text).toString();
      this.position = position;
    }
    return this.position;
  }
}

import { applyMask, type EventCell, type TableMapping } from '@elstream/core';
import { bytesFromText } from './cells/binary';
import { instantBefore, misplacesInstants } from './cells/misplaced-instant';
import { type Decoded, type DecodedPoison, type DebeziumRecord } from './decoded';
import { FieldError, MalformedError } from './field-error';
import { checkOptions, type DecoderOptions } from './handling';
import { JsonScanner, Token } from './json/json-scanner';
import { END, ObjectShape } from './json/object-shape';
import { KeyReader } from './key-reader';
import { PayloadFinder } from './payload';
import { type CellReaders, keyIn, RowReader } from './row-reader';
import { SchemaCache, structFields } from './schema-cache';
import { type SourceBlock, SourceReader } from './source-block';

/** Decodes the records of one table's topic. Keeps what it learned of their form, nothing of their content. */
export interface EnvelopeDecoder {
  /** Never throws for what a record holds: that is `poison`. Not re-entrant. */
  decode(record: DebeziumRecord): Decoded;
}

/** @throws ElstreamError DEBEZIUM_PLAN (refuse): the mapping or a setting makes no sense */
export function createEnvelopeDecoder(options: DecoderOptions): EnvelopeDecoder {
  checkOptions(options);
  return new JsonEnvelopeDecoder(options);
}

const BEFORE = 0;
const AFTER = 1;
const SOURCE = 2;
const OP = 3;
const MESSAGE = 4;
const MEMBERS = new Map([
  ['before', BEFORE],
  ['after', AFTER],
  ['source', SOURCE],
  ['op', OP],
  ['message', MESSAGE],
]);

const TEXT = /^(?:n?(?:char|varchar|text)|sysname)\b/i;
const REPLACEMENT = '\ufffd';
const NONE: readonly number[] = [];

/** What has been read of the record in hand. */
interface Parts {
  before: EventCell[] | null;
  after: EventCell[] | null;
  source: SourceBlock | null;
  op: string | null;
  message: { readonly prefix: string; readonly content: Buffer } | null;
  /** The first field that failed. */
  failure: { readonly code: DecodedPoison['code']; readonly reason: string } | null;
}

/**
 * One pass over the value's bytes: a schema block is compared and passed, `before` is looked into for its key only, what
 * is not wanted is skipped. A field that fails does not end the pass, so that a dead letter knows its position and key.
 */
class JsonEnvelopeDecoder implements EnvelopeDecoder {
  private readonly scanner = new JsonScanner();
  private readonly shape = new ObjectShape(MEMBERS);
  private readonly messageShape = new ObjectShape(new Map([['prefix', 0], ['content', 1]]));
  private readonly rows: RowReader;
  private readonly keys: KeyReader;
  private readonly sources: SourceReader;
  private readonly payload: PayloadFinder<CellReaders>;
  private readonly mapping: TableMapping;
  private readonly masked: readonly number[];
  /** Columns of which an update's NULL may be a value that was not sent. */
  private readonly maybeUnsent: readonly number[];
  /** Columns in which the driver may have replaced characters. */
  private readonly replaceable: readonly number[];
  /** Columns whose instants some releases of the connector move. */
  private readonly movable: readonly number[];

  constructor(private readonly options: DecoderOptions) {
    this.mapping = options.mapping;
    this.masked = this.mapping.columns.flatMap((column, index) => (column.mask === null ? [] : [index]));
    const nullable = options.connector === 'postgresql' && options.handling.binary.startsWith('base64');
    this.maybeUnsent = this.mapping.columns.flatMap(({ type }, index) => (nullable && type.kind === 'binary' ? [index] : []));
    this.movable = options.natives.flatMap((native, index) => (options.connector === 'sqlserver' && /^datetimeoffset\b/i.test(native) ? [index] : []));
    this.replaceable = this.mapping.columns.flatMap((column, index) => (options.connector === 'sqlserver' && TEXT.test(options.natives[index] ?? '') && column.mask?.kind !== 'null' ? [index] : []));
    const rows = new RowReader(options);
    this.rows = rows;
    this.keys = new KeyReader(this.mapping, rows);
    this.sources = new SourceReader(options.connector);
    const schemas = new SchemaCache((schema) => rows.readers(structFields(schema, 'after') ?? structFields(schema, 'before')));
    this.payload = new PayloadFinder(schemas, rows.readers(null));
  }

  decode(record: DebeziumRecord): Decoded {
    if (record.value === null) return { op: 'tombstone' };
    const parts: Parts = { before: null, after: null, source: null, op: null, message: null, failure: null };
    try {
      if (!this.readValue(record.value, parts)) return { op: 'tombstone' };
    } catch (error) {
      if (error instanceof MalformedError) return this.poison(record, parts, 'DEBEZIUM_MALFORMED', `the value is no JSON: ${error.message}`);
      if (!(error instanceof FieldError)) throw error;
      return this.poison(record, parts, error.code, error.message);
    } finally {
      this.scanner.release();
    }
    if (this.isMoved(parts)) this.moveBack(parts);
    return this.decide(record, parts);
  }

  /** Before anything is made of the cells. What cannot be told is poison, as a replay reads the row itself. */
  private moveBack(parts: Parts): void {
    for (const cells of [parts.before, parts.after]) {
      const lost = cells === null ? undefined : this.movable.find((index) => !movedBack(cells, index));
      if (lost === undefined) continue;
      parts.failure ??= { code: 'DEBEZIUM_VALUE', reason: `column ${this.mapping.columns[lost]?.source ?? ''} of ${this.mapping.id} is a datetimeoffset as which this release of Debezium writes two values (in the first second of 1970, or in October 1582); replay it, which reads the row from the source` };
    }
  }

  /** False: the payload is null. */
  private readValue(value: Buffer, parts: Parts): boolean {
    const { scanner } = this;
    scanner.reset(value);
    const opened = this.payload.open(scanner);
    scanner.textFromHere();
    const token = scanner.value();
    if (token === Token.Null) return false;
    if (token !== Token.Object) throw new FieldError('DEBEZIUM_TYPE', 'the value is no envelope');
    scanner.enter();
    for (let i = 0, slot; (slot = this.shape.next(scanner, i)) !== END; i++) this.readMember(slot, opened.made, parts);
    this.payload.close(scanner, opened);
    return true;
  }

  private readMember(slot: number, readers: CellReaders, parts: Parts): void {
    const { scanner } = this;
    const at = scanner.pos;
    try {
      switch (slot) {
        case BEFORE:
          parts.before = this.rows.read(scanner, readers, 'key', (error, column) => this.fail(parts, error, column));
          return;
        case AFTER:
          parts.after = this.rows.read(scanner, readers, 'whole', (error, column) => this.fail(parts, error, column));
          return;
        case SOURCE:
          parts.source = this.sources.read(scanner);
          return;
        case OP:
          parts.op = scanner.value() === Token.String ? scanner.text() : null;
          return;
        case MESSAGE:
          parts.message = this.readMessage();
          return;
        default:
          scanner.skip();
      }
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      parts.failure ??= { code: error.code, reason: `${error.message} (table ${this.mapping.id})` };
      scanner.pos = at;
      scanner.skip();
    }
  }

  private fail(parts: Parts, error: FieldError, column: string): void {
    parts.failure ??= { code: error.code, reason: `column ${column} of ${this.mapping.id} ${error.message}` };
  }

  private readMessage(): Parts['message'] {
    const { scanner } = this;
    if (scanner.value() !== Token.Object) return null;
    scanner.enter();
    const texts = ['', ''];
    for (let i = 0, slot; (slot = this.messageShape.next(scanner, i)) !== END; i++) {
      if (slot < 0) scanner.skip();
      else if (scanner.value() === Token.String) texts[slot] = scanner.text();
      else if (scanner.kind !== Token.Null) throw new FieldError('DEBEZIUM_TYPE', 'a part of a logical message is no text');
    }
    const { binary } = this.options.handling;
    return { prefix: texts[0] ?? '', content: bytesFromText(texts[1] ?? '', binary === 'bytes' ? 'base64' : binary) };
  }

  private decide(record: DebeziumRecord, parts: Parts): Decoded {
    const { failure, op, source } = parts;
    if (failure !== null) return this.poison(record, parts, failure.code, failure.reason);
    if (source === null) return this.poison(record, parts, 'DEBEZIUM_ENVELOPE', 'the envelope has no source block; the topic holds something else, or a transform (SMT) flattened it');
    const { schema, name } = this.mapping.source;
    if (op !== 'm' && (source.table !== name || source.schema !== schema)) {
      return this.poison(record, parts, 'DEBEZIUM_OTHER_TABLE', `the event is not of ${this.mapping.id}; two tables share one topic, or the topic's pattern is wrong`);
    }
    switch (op) {
      case 'c':
      case 'r':
      case 'u':
        return this.write(record, parts, source);
      case 'd': {
        const key = keyIn(this.mapping, parts.before) ?? this.keys.read(record.key, this.keyOf(parts));
        if (key === null) return this.keyMissing(record, parts);
        return { op: 'delete', key, source, keyChange: this.keys.change(record.headers, this.keyOf(parts)) };
      }
      case 't':
        return { op: 'truncate', source };
      case 'm':
        if (parts.message === null) return this.poison(record, parts, 'DEBEZIUM_ENVELOPE', 'a logical message has no content');
        return { op: 'message', source, ...parts.message };
      default:
        return this.poison(record, parts, 'DEBEZIUM_ENVELOPE', 'the envelope has no known op; update elstream, or leave the operation out (skipped.operations)');
    }
  }

  /** Keys are taken first, from clear cells; then masks are applied. */
  private write(record: DebeziumRecord, parts: Parts, source: SourceBlock): Decoded {
    const { mapping } = this;
    const row = parts.after;
    if (row === null) return this.poison(record, parts, 'DEBEZIUM_ENVELOPE', `an event with op ${parts.op ?? ''} has no row in after`);
    const key = keyIn(mapping, row);
    if (key === null) return this.keyMissing(record, parts);
    const hidden = parts.op === 'u' ? this.maybeUnsent.find((index) => row[index] === null) : undefined;
    if (hidden !== undefined) return this.poison(record, parts, 'DEBEZIUM_VALUE', `column ${mapping.columns[hidden]?.source ?? ''} of ${mapping.id} is NULL, as which Debezium writes an unchanged toasted bytea too unless binary.handling.mode=bytes; set it`);
    const old = parts.op === 'u' ? keyIn(mapping, parts.before) : null;
    const doubtful = this.replaceable.filter((index) => row[index]?.includes(REPLACEMENT) === true);
    for (const index of this.masked) row[index] = applyMask(row[index], mapping.columns[index]?.mask ?? null);
    return {
      op: parts.op === 'u' ? 'update' : 'insert',
      snapshotRead: parts.op === 'r',
      row,
      key,
      oldKey: old === null || old.every((cell, i) => cell === key[i]) ? null : old,
      source,
      keyChange: this.keys.change(record.headers, this.keyOf(parts)),
      doubtful: doubtful.length === 0 ? NONE : doubtful,
    };
  }

  private keyMissing(record: DebeziumRecord, parts: Parts): DecodedPoison {
    const names = this.mapping.key.map((index) => this.mapping.columns[index]?.source ?? '').join(', ');
    return this.poison(record, parts, 'DEBEZIUM_KEY_MISSING', `an event of ${this.mapping.id} does not carry its key (${names}); capture these columns, or give the table another key`);
  }

  /** From the message key, or a header that holds one. */
  private keyOf(parts: Parts): (cells: EventCell[]) => boolean {
    return (cells) => !this.isMoved(parts) || this.movable.every((index) => movedBack(cells, index));
  }

  /** Whether the release that wrote it moves instants of this table. */
  private isMoved({ source }: Parts): boolean {
    return this.movable.length > 0 && source !== null && misplacesInstants(source.version);
  }

  /** The rules' names of a dead letter: the key as far as any part of the record tells it. */
  private poison(record: DebeziumRecord, parts: Parts, code: DecodedPoison['code'], reason: string): DecodedPoison {
    const key = keyIn(this.mapping, parts.after) ?? keyIn(this.mapping, parts.before) ?? this.keys.read(record.key, this.keyOf(parts));
    return { op: 'poison', key, source: parts.source, code, reason };
  }
}

/** False: it cannot be told what the cell was. */
function movedBack(cells: EventCell[], index: number): boolean {
  const cell = cells[index];
  if (typeof cell !== 'string') return true;
  const before = instantBefore(cell);
  if (before === null) return false;
  cells[index] = before;
  return true;
}

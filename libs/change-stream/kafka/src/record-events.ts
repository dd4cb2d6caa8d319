import { ElstreamError, LogPosition, TRUNCATED, type ChangeEvent, type PoisonEvent, type TableMapping, type TransactionInfo } from '@elstream/core';
import { createEnvelopeDecoder, type Connector, type Decoded, type DecodedWrite, type EnvelopeDecoder, type HandlingModes, type SourceBlock } from '@elstream/debezium';
import { type KafkaRecord } from './consumer';

/** What decoding has to know of the stream. */
export interface Form {
  readonly connector: Connector;
  readonly handling: HandlingModes;
}

/** Where a record lies, and what was learned of the records before it. */
export interface Place {
  readonly partition: number;
  /** Partitions of the topic. */
  readonly partitions: number;
  /** The transaction of the last record of the partition that told one; null: none yet. */
  last: TransactionInfo | null;
}

/** Versions (R3): SQL Server's commit LSN; for PostgreSQL the place in the topic: its events carry no commit position that a re-emission leaves alone. */
export function offsetPosition(offset: bigint, partition: number): LogPosition {
  return LogPosition.fromBigInt((offset << 16n) | BigInt(partition), 10);
}

/** Decodes records of one table's topic into events; knows nothing of batches. */
export class TableDecoder {
  private readonly decoder: EnvelopeDecoder;
  private readonly masked: boolean;

  /** @throws ElstreamError STREAM_UNPREPARED (refuse): the mapping is of a release before Kafka */
  constructor(
    private readonly mapping: TableMapping,
    private readonly form: Form,
    private readonly reshaped: (table: string) => void,
  ) {
    this.decoder = createEnvelopeDecoder({ mapping, natives: nativesOf(mapping), ...form });
    this.masked = mapping.columns.some(({ mask }) => mask !== null);
  }

  /**
   * Null: nothing to apply (tombstones, logical messages).
   *
   * @throws ElstreamError STREAM_KEY_COLUMNS (stop): topic and warehouse disagree on what the key is
   */
  event(record: KafkaRecord, place: Place): ChangeEvent | null {
    const decoded = this.decoder.decode(record);
    switch (decoded.op) {
      case 'tombstone':
      case 'message':
        return null;
      case 'poison':
        return this.poison(record, place, decoded);
      default:
        break;
    }
    const tx = transactionOf(record, place, decoded.source);
    if (tx === null) return this.poison(record, place, { key: decoded.op === 'truncate' ? null : decoded.key, source: null, code: 'STREAM_POSITION', reason: `an event of ${this.mapping.id} has no commit_lsn` });
    return this.decoded(decoded, tx, place);
  }

  private decoded(decoded: Exclude<Decoded, { op: 'tombstone' | 'message' | 'poison' }>, tx: TransactionInfo, place: Place): ChangeEvent {
    const table = this.mapping.id;
    const change = changeOf(decoded.source);
    const common = { table, tx, ...(change === null ? {} : { change }) };
    switch (decoded.op) {
      case 'insert':
      case 'update':
        return this.write(decoded, common);
      case 'delete':
        return { op: 'delete', ...common, key: decoded.key };
      case 'truncate':
        if (place.partitions === 1) return { op: 'truncate', ...common };
        return { op: 'reload', table, tx, reason: `${TRUNCATED}: the topic of ${table} has ${String(place.partitions)} partitions, over which a truncate has no order; a table that is truncated is better given one partition` };
    }
  }

  /**
   * A row that a snapshot has read (`r`; somebody asked the connector for one, as it runs without) is no insert: the row
   * may stand. Its place in the partition is right (contract §3.4): incremental snapshots leave a row out that was changed
   * around its read; blocking ones read later than what stands before it, and what follows corrects it.
   */
  private write(decoded: DecodedWrite, common: { readonly table: string; readonly tx: TransactionInfo; readonly change?: string }): ChangeEvent {
    const { row, oldKey, snapshotRead, keyChange } = decoded;
    const ofRow = { ...common, row, ...(decoded.doubtful.length === 0 ? {} : { doubtful: decoded.doubtful }) };
    if (oldKey !== null) {
      const names = this.mapping.key.map((index) => this.mapping.columns[index]?.source ?? '').join(', ');
      throw new ElstreamError('STREAM_KEY_COLUMNS', 'stop', `an update of ${this.mapping.id} changes its key (${names}), which the connector does not take for the key: it lies in the partition of another; start a run to prepare the table (it sets the connector's message.key.columns) and preload it again`, {
        place: { table: this.mapping.id, setting: 'message.key.columns' },
      });
    }
    if (decoded.op === 'update' || snapshotRead) return { op: 'update', ...ofRow, oldKey: null };
    // An insert carries every column that the log has, except one that is half of a key change.
    if (keyChange === null && row.includes(undefined)) this.reshaped(this.mapping.id);
    return { op: 'insert', ...ofRow };
  }

  /** Of a table with masks the bytes hold clear values, so none are kept (R10). Kept ones are copied: the event outlives its fetch. */
  private poison(record: KafkaRecord, place: Place, what: Pick<PoisonEvent, 'key' | 'code' | 'reason'> & { readonly source: SourceBlock | null }): PoisonEvent {
    const tx = (what.source === null ? null : transactionOf(record, place, what.source)) ?? unknownTransaction(record, place, this.form.connector);
    const { key, code, reason } = what;
    const kept = !this.masked;
    return { op: 'poison', table: this.mapping.id, tx, key, code, bytes: kept ? Uint8Array.from(record.value ?? []) : new Uint8Array(), reason: kept ? reason : `${reason} (its bytes are not kept, since the table has masked columns)` };
  }
}

/** Rows of the counter table (R3 a). An undecodable one is left out: the number is missing then, which is a log gap. */
export class CounterDecoder {
  private readonly decoder: EnvelopeDecoder;

  constructor(
    private readonly pipeline: string,
    counter: { readonly schema: string; readonly table: string },
    form: Form,
  ) {
    const name = { schema: counter.schema, name: counter.table };
    const column = (source: string, type: TableMapping['columns'][number]['type']): TableMapping['columns'][number] => ({ source, target: source, type, targetType: '', nullable: false, mask: null });
    const columns = [column('pipeline', { kind: 'text', maxLength: null, padded: false }), column('value', { kind: 'integer', bits: 64 })];
    const natives = form.connector === 'sqlserver' ? ['nvarchar(200)', 'bigint'] : ['text', 'bigint'];
    this.decoder = createEnvelopeDecoder({ mapping: { id: `${counter.schema}.${counter.table}`, source: name, target: name, columns, key: [0], chunkRows: 1 }, natives, ...form });
  }

  event(record: KafkaRecord, place: Place): ChangeEvent | null {
    const decoded = this.decoder.decode(record);
    if (decoded.op !== 'insert' && decoded.op !== 'update') return null;
    const [pipeline, value] = decoded.row;
    const tx = transactionOf(record, place, decoded.source);
    if (pipeline !== this.pipeline || typeof value !== 'string' || tx === null || decoded.snapshotRead) return null;
    return { op: 'counter', tx, value: BigInt(value), gapless: true };
  }
}

/** @throws ElstreamError STREAM_UNPREPARED (refuse): the mapping is of a release before Kafka */
export function nativesOf(mapping: TableMapping): string[] {
  return mapping.columns.map(({ native, source }) => {
    if (native !== undefined) return native;
    throw new ElstreamError('STREAM_UNPREPARED', 'refuse', `the type of column ${source} of ${mapping.id} at the source is not known: it was prepared by an earlier release; start a run to prepare it`, { place: { table: mapping.id } });
  });
}

function transactionOf({ offset }: KafkaRecord, place: Place, source: SourceBlock): TransactionInfo | null {
  const position = source.connector === 'postgresql' ? offsetPosition(offset, place.partition) : source.commitLsn;
  if (position === null) return null;
  if (place.last?.position.equals(position) !== true) place.last = { position, committedAtUs: source.atUs };
  return place.last;
}

/**
 * The place of what tells none. PostgreSQL: the record's. SQL Server: that of the event before it; the batch looks for the
 * event behind it where this reading has seen none before (`placeUnknown`).
 */
function unknownTransaction({ offset, timestampMs }: KafkaRecord, place: Place, connector: Connector): TransactionInfo {
  const committedAtUs = BigInt(timestampMs) * 1000n;
  if (connector === 'postgresql') return { position: offsetPosition(offset, place.partition), committedAtUs };
  return { position: place.last?.position ?? LogPosition.ZERO, committedAtUs };
}

/** R13: lower-case hex, the same in a re-emission; null where the source tells none (rows of snapshots). */
function changeOf(source: SourceBlock): string | null {
  if (source.connector === 'sqlserver') return source.commitLsn === null || source.changeLsn === null ? null : source.commitLsn.hex + source.changeLsn.hex;
  return source.lsn === null || source.txId === null || source.txId < 0n ? null : source.lsn.hex + LogPosition.fromBigInt(source.txId, 8).hex;
}

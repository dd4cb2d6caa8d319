import { type ColumnType, type TableMapping } from '@elstream/core';
import { type Decoded } from './decoded';
import { createEnvelopeDecoder, type EnvelopeDecoder } from './envelope-decoder';
import { DEBEZIUM_DEFAULTS, type Connector, type HandlingModes } from './handling';

export interface ColumnSpec {
  readonly name: string;
  readonly type: ColumnType;
  readonly native: string;
}

export const text: ColumnType = { kind: 'text', maxLength: null, padded: false };
export const int: ColumnType = { kind: 'integer', bits: 32 };
export const bigint: ColumnType = { kind: 'integer', bits: 64 };
export const decimal = (precision: number | null, scale: number | null): ColumnType => ({ kind: 'decimal', precision, scale });
export const binary: ColumnType = { kind: 'binary' };
export const timestamp: ColumnType = { kind: 'timestamp', zone: false };
export const timestamptz: ColumnType = { kind: 'timestamp', zone: true };

export function mappingOf(columns: readonly ColumnSpec[], key: readonly number[] = [0]): TableMapping {
  return {
    id: 'dbo.item',
    source: { schema: 'dbo', name: 'item' },
    target: { schema: 'dbo', name: 'item' },
    columns: columns.map(({ name, type }) => ({ source: name, target: name, type, targetType: 'text', nullable: true, mask: null })),
    key,
    chunkRows: 1000,
  };
}

export function decoderOf(columns: readonly ColumnSpec[], handling: Partial<HandlingModes> = {}, connector: Connector = 'sqlserver'): EnvelopeDecoder {
  return createEnvelopeDecoder({ mapping: mappingOf(columns), natives: columns.map((c) => c.native), connector, handling: { ...DEBEZIUM_DEFAULTS, ...handling } });
}

export const SQL_SERVER_SOURCE =
  '{"version":"3.6.1.Final","connector":"sqlserver","name":"erp","ts_ms":1531481025340,"snapshot":null,"db":"Sales","sequence":null,"ts_us":1531481025340123,"ts_ns":1531481025340123000,"schema":"dbo","table":"item","change_lsn":"0000002a:00000f30:0002","commit_lsn":"0000002a:00000f30:0003","event_serial_no":2}';
export const POSTGRES_SOURCE =
  '{"version":"3.6.1.Final","connector":"postgresql","name":"erp","ts_ms":1531481025340,"snapshot":"false","db":"sales","sequence":"[\\"24023119\\",\\"9223372036854775807\\"]","ts_us":1531481025340123,"ts_ns":1531481025340123000,"schema":"dbo","table":"item","txId":9007199254740993,"lsn":9223372036854775807,"xmin":null}';

export const sourceOf = (connector: Connector): string => (connector === 'sqlserver' ? SQL_SERVER_SOURCE : POSTGRES_SOURCE);

/** An envelope without schemas; `before` and `after` are JSON. */
export function envelope(op: string, { before = 'null', after = 'null', source = SQL_SERVER_SOURCE }: { before?: string; after?: string; source?: string }): Buffer {
  return Buffer.from(`{"before":${before},"after":${after},"source":${source},"transaction":null,"op":"${op}","ts_ms":1531481026000,"ts_us":1531481026000000,"ts_ns":1531481026000000000}`);
}

/** The same with schemas, of a row with these fields (JSON of schema nodes without `field`, by column name). */
export function withSchema(payload: Buffer, fields: Readonly<Record<string, object>>): Buffer {
  const row = Object.entries(fields).map(([field, schema]) => ({ optional: true, ...schema, field }));
  const image = (field: string): object => ({ type: 'struct', fields: row, optional: true, name: 'erp.Sales.dbo.item.Value', field });
  const source = { type: 'struct', fields: [{ type: 'string', optional: false, field: 'version' }], optional: false, name: 'io.debezium.connector.sqlserver.Source', field: 'source' };
  const schema = { type: 'struct', fields: [image('before'), image('after'), source, { type: 'string', optional: false, field: 'op' }], optional: false, name: 'erp.Sales.dbo.item.Envelope', version: 2 };
  return Buffer.from(`{"schema":${JSON.stringify(schema)},"payload":${payload.toString()}}`);
}

export const decode = (decoder: EnvelopeDecoder, value: Buffer | null, key: string | null = null): Decoded => decoder.decode({ value, key: key === null ? null : Buffer.from(key) });

/** The cells of a row, or why there is none. */
export function rowOf(decoded: Decoded): unknown {
  if (decoded.op === 'insert' || decoded.op === 'update') return decoded.row;
  return decoded.op === 'poison' ? `${decoded.code}: ${decoded.reason}` : decoded.op;
}

const ID: ColumnSpec = { name: 'id', type: int, native: 'int' };

/** The one cell a value becomes in a column `v`, without a schema or with the given one. */
export function cellOf(column: Omit<ColumnSpec, 'name'>, json: string, options: { handling?: Partial<HandlingModes>; connector?: Connector; schema?: object } = {}): unknown {
  const connector = options.connector ?? 'sqlserver';
  const decoder = decoderOf([ID, { name: 'v', ...column }], options.handling, connector);
  const bare = envelope('c', { after: `{"id":7,"v":${json}}`, source: sourceOf(connector) });
  const row = rowOf(decode(decoder, options.schema === undefined ? bare : withSchema(bare, { id: { type: 'int32' }, v: options.schema })));
  return Array.isArray(row) ? (row[1] as unknown) : row;
}

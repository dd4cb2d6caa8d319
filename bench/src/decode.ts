import { type ColumnType, type TableMapping } from '@elstream/core';
import { createEnvelopeDecoder, DEBEZIUM_DEFAULTS, type EnvelopeDecoder } from '@elstream/debezium';
import { type Measurement } from './measurement';

/** Distinct records, so that neither side sees the same bytes twice in a row. */
const RECORDS = 512;
const ROUND_MS = 400;
const ROUNDS = 5;

interface Column {
  readonly name: string;
  readonly native: string;
  readonly type: ColumnType;
  readonly schema: object;
  /** JSON of the value in record `n`. */
  readonly value: (n: number) => string;
}

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const optional = { optional: true };

/** An order as ERP systems have them; SQL Server types, Debezium's default modes. */
const COLUMNS: readonly Column[] = [
  { name: 'Id', native: 'bigint', type: { kind: 'integer', bits: 64 }, schema: { type: 'int64', optional: false }, value: (n) => `922337203685${String(4_775_000 + n)}` },
  { name: 'CustomerId', native: 'int', type: { kind: 'integer', bits: 32 }, schema: { type: 'int32', ...optional }, value: (n) => String(n * 17) },
  { name: 'Status', native: 'nvarchar(20)', type: TEXT, schema: { type: 'string', ...optional }, value: (n) => (n % 3 === 0 ? '"shipped"' : '"open"') },
  { name: 'Amount', native: 'decimal(19,4)', type: { kind: 'decimal', precision: 19, scale: 4 }, schema: { type: 'bytes', ...optional, name: 'org.apache.kafka.connect.data.Decimal', version: 1, parameters: { scale: '4', 'connect.decimal.precision': '19' } }, value: (n) => JSON.stringify(Buffer.from([0, 0xf6 ^ (n & 0x7f), n & 0xff]).toString('base64')) },
  { name: 'CreatedAt', native: 'datetime2(7)', type: { kind: 'timestamp', zone: false }, schema: { type: 'int64', ...optional, name: 'io.debezium.time.NanoTimestamp', version: 1 }, value: (n) => `15314810253${String(40_000_000 + n)}00` },
  { name: 'Reference', native: 'uniqueidentifier', type: { kind: 'uuid' }, schema: { type: 'string', ...optional }, value: (n) => `"6F9619FF-8B86-D011-B42D-00C04FC9${String(n % 10_000).padStart(4, '0')}"` },
  { name: 'Note', native: 'nvarchar(max)', type: TEXT, schema: { type: 'string', ...optional }, value: (n) => `"Deliver to the back door, ring twice, number ${String(n)}"` },
  { name: 'ValidTo', native: 'datetime2(7)', type: { kind: 'timestamp', zone: false }, schema: { type: 'int64', ...optional, name: 'io.debezium.time.NanoTimestamp', version: 1 }, value: () => '-4852116231933722724' },
];

/** Prints events/s of one core; needs no server. */
export function benchDecode(say: (line: string) => void): Measurement[] {
  const measured: Measurement[] = [];
  const cases = [
    { what: '1 KB envelope, no schemas', wide: 1, schemas: false },
    { what: '6 KB envelope with schemas', wide: 2, schemas: true },
    { what: '6 KB envelope, wide row, no schemas', wide: 11, schemas: false },
  ];
  for (const { what, wide, schemas } of cases) {
    const columns = Array.from({ length: wide }, (_, i) => COLUMNS.map((column) => ({ ...column, name: i === 0 ? column.name : `${column.name}${String(i)}` }))).flat();
    const records = Array.from({ length: RECORDS }, (_, n) => record(columns, n, schemas));
    const bytes = Math.round(records.reduce((sum, value) => sum + value.length, 0) / RECORDS);
    const decoder = decoderOf(columns);
    const decode = (value: Buffer): number => {
      const decoded = decoder.decode({ key: null, value });
      if (decoded.op !== 'update') throw new Error(decoded.op === 'poison' ? decoded.reason : `decoded as ${decoded.op}`);
      return decoded.row.length;
    };
    const parse = (value: Buffer): number => Object.keys(JSON.parse(value.toString()) as object).length;
    const [ours, peer] = fastest(records, [decode, parse]);
    measured.push({ part: 'decode', what, value: ours ?? 0, unit: 'events/s', peer: { name: 'JSON.parse', value: peer ?? 0 }, note: `${String(bytes)} bytes` });
    say(`decode: ${what}: ${String(Math.round(ours ?? 0))} events/s, JSON.parse ${String(Math.round(peer ?? 0))}`);
  }
  return measured;
}

/** Best of some rounds each, in turns, so that a busy moment of the machine hits both. */
function fastest(records: readonly Buffer[], works: readonly ((value: Buffer) => number)[]): number[] {
  const best = works.map(() => 0);
  for (let round = 0; round <= ROUNDS; round++) {
    works.forEach((work, i) => {
      const rate = rateOf(records, work);
      // the first round warms up
      if (round > 0) best[i] = Math.max(best[i] ?? 0, rate);
    });
  }
  return best;
}

function rateOf(records: readonly Buffer[], work: (value: Buffer) => number): number {
  const from = performance.now();
  let done = 0;
  let sum = 0;
  do {
    for (const value of records) sum += work(value);
    done += records.length;
  } while (performance.now() - from < ROUND_MS);
  if (sum === 0) throw new Error('nothing was decoded');
  return (done * 1000) / (performance.now() - from);
}

function record(columns: readonly Column[], n: number, schemas: boolean): Buffer {
  const row = (k: number): string => `{${columns.map(({ name, value }) => `"${name}":${value(k)}`).join(',')}}`;
  const source = `{"version":"3.6.1.Final","connector":"sqlserver","name":"erp","ts_ms":1531481025340,"snapshot":null,"db":"Sales","sequence":null,"ts_us":1531481025340123,"ts_ns":1531481025340123000,"schema":"dbo","table":"Order","change_lsn":"0000002a:00000f30:${String(n).padStart(4, '0')}","commit_lsn":"0000002a:00000f30:${String(n >> 4).padStart(4, '0')}","event_serial_no":2}`;
  const payload = `{"before":${row(n + 1)},"after":${row(n)},"source":${source},"transaction":null,"op":"u","ts_ms":1531481026000,"ts_us":1531481026000000,"ts_ns":1531481026000000000}`;
  return Buffer.from(schemas ? `{"schema":${JSON.stringify(schemaOf(columns))},"payload":${payload}}` : payload);
}

const image = (columns: readonly Column[], field: string): object => ({ type: 'struct', fields: columns.map(({ name, schema }) => ({ ...schema, field: name })), optional: true, name: 'erp.Sales.dbo.Order.Value', field });
const field = (name: string, type: string): object => ({ type, optional: true, field: name });
const schemaOf = (columns: readonly Column[]): object => ({
  type: 'struct',
  fields: [
    image(columns, 'before'),
    image(columns, 'after'),
    {
      type: 'struct',
      fields: [
        ...['version', 'connector', 'name'].map((name) => field(name, 'string')),
        { type: 'int64', optional: false, field: 'ts_ms' },
        { type: 'string', optional: true, name: 'io.debezium.data.Enum', version: 1, parameters: { allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental' }, default: 'false', field: 'snapshot' },
        ...['db', 'sequence', 'schema', 'table', 'change_lsn', 'commit_lsn'].map((name) => field(name, 'string')),
        ...['ts_us', 'ts_ns', 'event_serial_no'].map((name) => field(name, 'int64')),
      ],
      optional: false,
      name: 'io.debezium.connector.sqlserver.Source',
      version: 1,
      field: 'source',
    },
    { type: 'struct', fields: [field('id', 'string'), field('total_order', 'int64'), field('data_collection_order', 'int64')], optional: true, name: 'event.block', version: 1, field: 'transaction' },
    field('op', 'string'),
    ...['ts_ms', 'ts_us', 'ts_ns'].map((name) => field(name, 'int64')),
  ],
  optional: false,
  name: 'erp.Sales.dbo.Order.Envelope',
  version: 2,
});

function decoderOf(columns: readonly Column[]): EnvelopeDecoder {
  const name = { schema: 'dbo', name: 'Order' };
  const mapping: TableMapping = {
    id: 'dbo.Order',
    source: name,
    target: name,
    columns: columns.map((column) => ({ source: column.name, target: column.name, type: column.type, targetType: 'text', nullable: true, mask: null })),
    key: [0],
    chunkRows: 1000,
  };
  return createEnvelopeDecoder({ mapping, natives: columns.map((column) => column.native), connector: 'sqlserver', handling: DEBEZIUM_DEFAULTS });
}

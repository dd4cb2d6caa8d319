import { ElstreamError } from '@elstream/core';
import { bigint, binary, type ColumnSpec, decimal, decode, decoderOf, envelope, int, mappingOf, POSTGRES_SOURCE, rowOf, SQL_SERVER_SOURCE, text, withSchema } from './debezium.fixture';
import { createEnvelopeDecoder } from './envelope-decoder';
import { DEBEZIUM_DEFAULTS } from './handling';

const COLUMNS: readonly ColumnSpec[] = [
  { name: 'id', type: int, native: 'int' },
  { name: 'name', type: text, native: 'nvarchar(50)' },
  { name: 'price', type: decimal(19, 4), native: 'decimal(19,4)' },
];
const FIELDS = { id: { type: 'int32' }, name: { type: 'string' }, price: { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', parameters: { scale: '4' } } };
const ROW = '{"id":7,"name":"a","price":"APb+"}';
const OLD = '{"id":6,"name":"b","price":null}';
const CELLS = ['7', 'a', '6.3230'];

describe.each([
  ['without schemas', (payload: Buffer): Buffer => payload],
  ['with schemas', (payload: Buffer): Buffer => withSchema(payload, FIELDS)],
  ['with the schema after the payload', (payload: Buffer): Buffer => Buffer.from(withSchema(payload, FIELDS).toString().replace(/^\{("schema":.*),("payload":.*)\}$/, '{$2,$1}'))],
  ['with a schema of null', (payload: Buffer): Buffer => Buffer.from(`{"schema":null,"payload":${payload.toString()}}`)],
  ['spread over lines', (payload: Buffer): Buffer => Buffer.from(` ${payload.toString().replaceAll(/([,{}:])(?=["{}n\d-])/g, '$1\n\t ')}\r\n`)],
])('an envelope %s', (what, wrap) => {
  const decoder = decoderOf(COLUMNS);
  const source = expect.objectContaining({ connector: 'sqlserver', snapshot: 'false' }) as unknown;
  const ours = what === 'spread over lines' ? SQL_SERVER_SOURCE.replaceAll(/"0000[^"]*"/g, 'null') : SQL_SERVER_SOURCE;
  const of = (op: string, images: { before?: string; after?: string }): Buffer => wrap(envelope(op, { ...images, source: ours }));

  it('of every op becomes its event, again and again', () => {
    for (let i = 0; i < 3; i++) {
      expect(decode(decoder, of('c', { after: ROW }))).toMatchObject({ op: 'insert', snapshotRead: false, row: CELLS, key: ['7'], oldKey: null, source });
      expect(decode(decoder, of('r', { after: ROW }))).toMatchObject({ op: 'insert', snapshotRead: true, row: CELLS });
      expect(decode(decoder, of('u', { before: ROW, after: ROW }))).toMatchObject({ op: 'update', row: CELLS, oldKey: null });
      expect(decode(decoder, of('u', { before: OLD, after: ROW }))).toMatchObject({ op: 'update', row: CELLS, key: ['7'], oldKey: ['6'] });
      expect(decode(decoder, of('u', { after: ROW }))).toMatchObject({ op: 'update', row: CELLS, oldKey: null });
      expect(decode(decoder, of('d', { before: OLD }))).toMatchObject({ op: 'delete', key: ['6'], source });
      expect(decode(decoder, of('t', {}))).toMatchObject({ op: 'truncate', source });
    }
  });
});

describe('forms of records', () => {
  const decoder = decoderOf(COLUMNS);

  it('a null value is a tombstone, with a key, without one, and as a payload of null', () => {
    expect(decode(decoder, null, '{"id":7}')).toEqual({ op: 'tombstone' });
    expect(decode(decoder, null)).toEqual({ op: 'tombstone' });
    expect(decode(decoder, Buffer.from('{"schema":null,"payload":null}'))).toEqual({ op: 'tombstone' });
  });

  it.each(['{"id":6}', '{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}]},"payload":{"id":6}}'])('a delete without before takes its key from the message key %s', (key) => {
    expect(decode(decoder, envelope('d', {}), key)).toMatchObject({ op: 'delete', key: ['6'] });
  });

  it('a keyless record has its key in the row', () => {
    expect(decode(decoder, envelope('d', { before: OLD }), null)).toMatchObject({ op: 'delete', key: ['6'] });
    expect(decode(decoder, envelope('c', { after: ROW }), null)).toMatchObject({ op: 'insert', key: ['7'] });
  });

  it('the halves of a key change say so, whatever the header looks like', () => {
    const change = (op: string, headers: Record<string, unknown>): unknown => decoder.decode({ key: null, value: envelope(op, op === 'd' ? { before: OLD } : { after: ROW }), headers });
    expect(change('d', { '__debezium.newkey': Buffer.from('{"id":7}') })).toMatchObject({ op: 'delete', key: ['6'], keyChange: { side: 'from', otherKey: ['7'] } });
    expect(change('c', { '__debezium.oldkey': '{"id":6}' })).toMatchObject({ op: 'insert', key: ['7'], keyChange: { side: 'to', otherKey: ['6'] } });
    expect(change('c', { '__debezium.oldkey': Buffer.from('Struct{id=6}') })).toMatchObject({ keyChange: { side: 'to', otherKey: null } });
    expect(change('c', { '__debezium.context.runId': 'x' })).toMatchObject({ keyChange: null });
  });

  it('columns may come in any order, be new, or be missing: then they are unknown', () => {
    expect(rowOf(decode(decoder, envelope('c', { after: '{"extra":{"a":["}\\""]},"name":"é","id":7}' })))).toEqual(['7', 'é', undefined]);
    expect(rowOf(decode(decoder, envelope('c', { after: ROW })))).toEqual(CELLS);
  });

  it('a schema that changes is read anew, and the old one is still known', () => {
    const fresh = decoderOf(COLUMNS);
    const wider = { ...FIELDS, price: { ...FIELDS.price, parameters: { scale: '5' } } };
    for (let i = 0; i < 2; i++) {
      expect(rowOf(decode(fresh, withSchema(envelope('c', { after: ROW }), FIELDS)))).toEqual(CELLS);
      expect(rowOf(decode(fresh, withSchema(envelope('c', { after: ROW }), wider)))).toEqual(['7', 'a', '0.63230']);
    }
  });

  it('masks are applied after the key is taken', () => {
    const mapping = mappingOf(COLUMNS);
    const masked = { ...mapping, columns: mapping.columns.map((column, i) => (i === 1 ? { ...column, mask: { kind: 'null' as const } } : column)) };
    const natives = COLUMNS.map((c) => c.native);
    const options = { natives, connector: 'sqlserver' as const, handling: DEBEZIUM_DEFAULTS };
    expect(rowOf(decode(createEnvelopeDecoder({ mapping: masked, ...options }), envelope('c', { after: ROW })))).toEqual(['7', null, '6.3230']);
    expect(() => createEnvelopeDecoder({ mapping: { ...masked, key: [1] }, ...options })).toThrow(ElstreamError);
  });
});

describe('the placeholder of values that were not sent', () => {
  const raw = '__debezium_unavailable_value';
  const base64 = Buffer.from(raw).toString('base64');
  const blob: ColumnSpec = { name: 'v', type: binary, native: 'varbinary(max)' };
  const column = (type: ColumnSpec['type'], native: string): readonly ColumnSpec[] => [COLUMNS[0]!, { name: 'v', type, native }];

  it.each([
    ['a text', column(text, 'nvarchar(max)'), {}, raw],
    ['an xml', column({ kind: 'other' }, 'xml'), {}, raw],
    ['a json', column({ kind: 'json' }, 'jsonb'), {}, raw],
    ['bytes', [COLUMNS[0]!, blob], {}, base64],
    ['base64', [COLUMNS[0]!, blob], { binary: 'base64' as const }, base64],
    ['base64 for urls', [COLUMNS[0]!, blob], { binary: 'base64-url-safe' as const }, Buffer.from(raw).toString('base64url')],
    ['hex', [COLUMNS[0]!, blob], { binary: 'hex' as const }, Buffer.from(raw).toString('hex')],
    ['a decimal as text', column(decimal(38, 4), 'numeric(38,4)'), { decimal: 'string' as const }, raw],
    ['the token of the settings', column(text, 'text'), { unavailableValue: 'k7-unavailable' }, 'k7-unavailable'],
  ])('is unknown in %s, never a value and never NULL', (_what, columns, handling, sent) => {
    expect(rowOf(decode(decoderOf(columns, handling), envelope('u', { before: `{"id":7,"v":${JSON.stringify(sent)}}`, after: `{"id":7,"v":${JSON.stringify(sent)}}` })))).toEqual(['7', undefined]);
  });

  it('is a text like any other where the settings name another token', () => {
    expect(rowOf(decode(decoderOf(column(text, 'text'), { unavailableValue: 'k7' }), envelope('u', { after: `{"id":7,"v":"${raw}"}` })))).toEqual(['7', raw]);
  });
});

describe('source blocks', () => {
  it("SQL Server's positions are 20 hex digits that sort, and one object per transaction", () => {
    const decoder = decoderOf(COLUMNS);
    const read = (): { source: object } => decode(decoder, envelope('c', { after: ROW })) as unknown as { source: { commitLsn: object } };
    const { source } = read();
    expect(JSON.parse(JSON.stringify(source, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v)))).toEqual({
      version: '3.6.1.Final', connector: 'sqlserver', schema: 'dbo', table: 'item', snapshot: 'false', atUs: '1531481025340123', commitLsn: '0000002a00000f300003', changeLsn: '0000002a00000f300002', eventSerialNo: '2',
    });
    expect((read().source as { commitLsn: object }).commitLsn).toBe((source as { commitLsn: object }).commitLsn);
  });

  it("PostgreSQL's 64-bit numbers keep every digit", () => {
    const decoder = decoderOf([{ name: 'id', type: bigint, native: 'bigint' }], {}, 'postgresql');
    const { source } = decode(decoder, envelope('c', { after: '{"id":9007199254740993}', source: POSTGRES_SOURCE })) as unknown as { source: object };
    expect(JSON.parse(JSON.stringify(source, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v)))).toEqual({
      version: '3.6.1.Final', connector: 'postgresql', schema: 'dbo', table: 'item', snapshot: 'false', atUs: '1531481025340123', lsn: '7fffffffffffffff', sequence: { lastCommit: '00000000016e904f', lsn: '7fffffffffffffff' }, txId: '9007199254740993', xmin: null,
    });
  });

  it.each(['true', 'first', 'first_in_data_collection', 'last_in_data_collection', 'last', 'incremental'])('snapshot %s is told, its positions may be null', (mark) => {
    const source = SQL_SERVER_SOURCE.replace('"snapshot":null', `"snapshot":"${mark}"`).replace('"0000002a:00000f30:0002"', 'null').replace('"event_serial_no":2', '"event_serial_no":null');
    expect(decode(decoderOf(COLUMNS), envelope('r', { after: ROW, source }))).toMatchObject({ snapshotRead: true, source: { snapshot: mark, changeLsn: null, eventSerialNo: null } });
  });

  it('a logical message of PostgreSQL gives its prefix and content', () => {
    const source = POSTGRES_SOURCE.replace('"schema":"dbo","table":"item"', '"schema":"","table":""');
    const value = Buffer.from(`{"op":"m","ts_ms":1,"source":${source},"message":{"prefix":"elstream","content":"aGk="}}`);
    expect(decode(decoderOf(COLUMNS, {}, 'postgresql'), value)).toMatchObject({ op: 'message', prefix: 'elstream', content: Buffer.from('hi') });
  });
});

describe('records that cannot be decoded are poison', () => {
  it.each([
    ['no JSON', '{"before":nul}', null, 'DEBEZIUM_MALFORMED'],
    ['cut off', envelope('c', { after: ROW }).subarray(0, -1).toString(), ['7'], 'DEBEZIUM_MALFORMED'],
    ['two values', `${envelope('c', { after: ROW }).toString()}{}`, ['7'], 'DEBEZIUM_MALFORMED'],
    ['a number', '5', null, 'DEBEZIUM_TYPE'],
    ['a flat row', ROW, null, 'DEBEZIUM_ENVELOPE'],
    ['an unknown op', envelope('x', { after: ROW }).toString(), ['7'], 'DEBEZIUM_ENVELOPE'],
    ['an insert without after', envelope('c', {}).toString(), null, 'DEBEZIUM_ENVELOPE'],
    ['a key of NULL', envelope('c', { after: '{"id":null}' }).toString(), null, 'DEBEZIUM_KEY_MISSING'],
    ['a row of another table', envelope('c', { after: ROW, source: SQL_SERVER_SOURCE.replace('"item"', '"item_"') }).toString(), ['7'], 'DEBEZIUM_OTHER_TABLE'],
    ['a row of another connector', envelope('c', { after: ROW, source: POSTGRES_SOURCE }).toString(), ['7'], 'DEBEZIUM_VALUE'],
    ['a position that is none', envelope('c', { after: ROW, source: SQL_SERVER_SOURCE.replace('0000002a:00000f30:0003', '2a:f30:3') }).toString(), ['7'], 'DEBEZIUM_VALUE'],
    ['a field of the wrong type', envelope('c', { after: '{"name":{"a":1},"id":7}' }).toString(), ['7'], 'DEBEZIUM_TYPE'],
  ])('%s', (_what, value, key, code) => {
    const decoded = decode(decoderOf(COLUMNS), Buffer.from(value));
    expect(decoded).toMatchObject({ op: 'poison', key, code });
  });

  it('bytes that are no UTF-8 are never replaced', () => {
    const value = Buffer.from(envelope('c', { after: '{"id":7,"name":"a~"}' }).toString('latin1').replace('~', '\xff'), 'latin1');
    expect(decode(decoderOf(COLUMNS), value)).toMatchObject({ op: 'poison', key: ['7'], code: 'DEBEZIUM_VALUE' });
  });

  it('a failed column leaves the position known, and no value in the reason', () => {
    const decoded = decode(decoderOf(COLUMNS), envelope('u', { after: '{"id":7,"name":"a","price":"secret!"}' }));
    expect(decoded).toMatchObject({ op: 'poison', key: ['7'], source: { connector: 'sqlserver' }, code: 'DEBEZIUM_VALUE' });
    expect(JSON.stringify(decoded, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v))).not.toContain('secret');
  });
});

describe('a text of SQL Server with U+FFFD', () => {
  const columns: readonly ColumnSpec[] = [{ name: 'k', type: text, native: 'nvarchar(9)' }, { name: 'v', type: text, native: 'varchar(9)' }, { name: 'x', type: { kind: 'other' }, native: 'xml' }];
  const row = (k: string, v: string): string => JSON.stringify({ k, v, x: '<a>\ufffd</a>' });

  it.each<[string, string, readonly number[]]>([['a', 'b', []], ['a\ufffd', '\ufffdb', [0, 1]], ['a', '\ufffd', [1]]])('%j, %j is in doubt: its driver writes it for what it cannot read', (k, v, doubtful) => {
    expect(decode(decoderOf(columns), envelope('c', { after: row(k, v) }))).toMatchObject({ op: 'insert', doubtful });
    expect(decode(decoderOf(columns, {}, 'postgresql'), envelope('u', { after: row(k, v), source: POSTGRES_SOURCE }))).toMatchObject({ op: 'update', doubtful: [] });
  });

  it('is in doubt where it is hashed, and not where nothing of it is shown', () => {
    const mapping = mappingOf(columns);
    const masked = (mask: object) => createEnvelopeDecoder({ mapping: { ...mapping, columns: mapping.columns.map((c, i) => (i === 1 ? { ...c, mask } : c)) } as typeof mapping, natives: columns.map((c) => c.native), connector: 'sqlserver', handling: DEBEZIUM_DEFAULTS });
    expect(decode(masked({ kind: 'hash', secret: 's' }), envelope('c', { after: row('a', '\ufffd') }))).toMatchObject({ doubtful: [1] });
    expect(decode(masked({ kind: 'null' }), envelope('c', { after: row('a', '\ufffd') }))).toMatchObject({ doubtful: [] });
  });
});

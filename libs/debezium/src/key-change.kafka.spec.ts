import { type Capture, CaptureContext } from './capture.fixture';
import { decoderFor, describeTables } from './recorded-types.fixture';

jest.setTimeout(240_000);

/** Types of the key's columns, the key before, the key after. */
const KEYS: Readonly<Record<string, readonly [types: readonly string[], before: readonly string[], after: readonly string[]]>> = {
  bigints: [['bigint'], ['9007199254740993'], ['-9223372036854775808']],
  numbers: [['numeric(38,10)'], ['1234567890123456789012345678.0123456789'], ['-0.0000000001']],
  texts: [['text'], ['007'], [' {"a": [true, null]} \\ ü\u{1f600}\n']],
  uuids: [['uuid'], ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], ['00000000-0000-0000-0000-000000000001']],
  instants: [['timestamp'], ['2024-02-29 23:59:59.999999'], ['1969-12-31 23:59:59.000001']],
  zoned: [['timestamptz'], ['2024-02-29 23:59:59.999999+00'], ['1969-12-31 23:59:59.000001+00']],
  days: [['date'], ['2024-02-29'], ['0044-03-15 BC']],
  bytes: [['bytea'], ['\\x00ff'], ['\\x']],
  booleans: [['boolean'], ['t'], ['f']],
  pairs: [['bigint', 'text'], ['9007199254740993', 'null'], ['9007199254740995', 'true']],
  triples: [['uuid', 'timestamptz', 'int'], ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29 23:59:59.999999+00', '1'], ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29 23:59:59.999999+00', '-2']],
};

let context: CaptureContext;
let captures: readonly Capture[];
const columnsOf = (types: readonly string[]): string[] => types.map((_, i) => `k${String(i)}`);
beforeAll(async () => {
  const tables = Object.entries(KEYS).map(([name, [types]]) => `CREATE TABLE ${name} (${types.map((type, i) => `k${String(i)} ${type}`).join(', ')}, v text, PRIMARY KEY (${columnsOf(types).join(', ')}));`);
  context = await CaptureContext.open(tables.join('\n'), Object.keys(KEYS));
  captures = await context.capture({}, { schemas: true });
  for (const [name, [types, before, after]] of Object.entries(KEYS)) {
    const values = types.map((_, i) => `$${String(i + 1)}`).join(', ');
    await context.db.query(`INSERT INTO ${name} VALUES (${values})`, before);
    await context.db.query(`UPDATE ${name} SET (${columnsOf(types).join(', ')}, v) = (${types.map((type, i) => `$${String(i + 1)}::${type}`).join(', ')}, 'x')`, after);
  }
});
afterAll(() => context?.[Symbol.asyncDispose]());

describe('the two events of a key change name each other', () => {
  it.each(Object.keys(KEYS))('by keys of %s', async (name) => {
    const [, before, after] = KEYS[name]!;
    const table = (await describeTables(context.db)).find(({ schema }) => schema.name === name)!;
    for (const capture of captures) {
      const decoder = decoderFor(table, capture);
      const [, from, to] = (await capture.records(`public.${name}`, 3)).map((event) => decoder.decode(event));
      expect(from).toMatchObject({ op: 'delete', key: before, keyChange: { side: 'from', otherKey: after } });
      expect(to).toMatchObject({ op: 'insert', key: after, keyChange: { side: 'to', otherKey: before } });
    }
  });
});

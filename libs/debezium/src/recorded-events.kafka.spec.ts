import { type Capture, CaptureContext, REGISTERED, type RecordedEvent } from './capture.fixture';
import { type Decoded } from './decoded';
import { type HandlingModes } from './handling';
import { decoderFor, describeTables } from './recorded-types.fixture';

jest.setTimeout(240_000);

let context: CaptureContext;
let off: Capture;
let on: Capture;

beforeAll(async () => {
  context = await CaptureContext.open(
    `CREATE TABLE toast (id int PRIMARY KEY, n int, t text, b bytea, j jsonb, d numeric, ts text[], ns int4[], us uuid[]);
     ALTER TABLE toast ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL, ALTER d SET STORAGE EXTERNAL, ALTER ts SET STORAGE EXTERNAL, ALTER ns SET STORAGE EXTERNAL, ALTER us SET STORAGE EXTERNAL;
     CREATE TABLE moved (a int, b text, v text, PRIMARY KEY (a, b));
     CREATE TABLE full_image (id int PRIMARY KEY, v text, big text);
     ALTER TABLE full_image REPLICA IDENTITY FULL;
     ALTER TABLE full_image ALTER big SET STORAGE EXTERNAL;
     CREATE TABLE cut (id int PRIMARY KEY);
     CREATE TABLE large (id int PRIMARY KEY, v text);
     CREATE TABLE "Odd ""name.x" ("Id ü" int PRIMARY KEY, "a.b" text, "schema" text);
     CREATE TABLE woven (id int PRIMARY KEY);`,
    ['toast', 'moved', 'full_image', 'cut', 'large', '"Odd ""name.x"', 'woven'],
  );
  [off, on] = (await context.capture({}, { schemas: true })) as [Capture, Capture];
});
afterAll(() => context?.[Symbol.asyncDispose]());

async function decodeAll(capture: Capture, name: string, count: number, topic = name): Promise<{ readonly events: readonly RecordedEvent[]; readonly decoded: readonly Decoded[] }> {
  const table = (await describeTables(context.db)).find(({ schema }) => schema.name === name)!;
  const events = await capture.records(`public.${topic}`, count);
  const decoder = decoderFor(table, capture);
  return { events, decoded: events.map((event) => decoder.decode(event)) };
}

const payload = (event: RecordedEvent | undefined): Record<string, unknown> => {
  const value = JSON.parse(event?.value?.toString() ?? 'null') as Record<string, unknown>;
  return (value['payload'] as Record<string, unknown> | undefined) ?? value;
};
const modes = (): (readonly [string, () => Capture])[] => [
  ['schemas off', () => off],
  ['schemas on', () => on],
];

describe('an event of the real connector', () => {
  beforeAll(async () => {
    const { db } = context;
    await db.query(`INSERT INTO toast SELECT 1, 1, repeat(md5('a'), 400), decode(repeat(md5('b'), 400), 'hex'), to_jsonb(repeat(md5('c'), 400)), repeat('1234567890', 2000)::numeric,
      ARRAY[repeat(md5('d'), 400)], (SELECT array_agg(i) FROM generate_series(1, 5000) i), (SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 500))`);
    await db.query('UPDATE toast SET n = 2');
    await db.query("INSERT INTO moved VALUES (1, 'x', 'v')");
    await db.query("UPDATE moved SET b = 'y''\"'");
    await db.query("UPDATE moved SET v = 'w'");
    await db.query('DELETE FROM moved');
    await db.query("INSERT INTO full_image VALUES (1, 'a', repeat(md5('e'), 400))");
    await db.query("UPDATE full_image SET v = 'b'");
    await db.query('DELETE FROM full_image');
    await db.query('INSERT INTO cut VALUES (1)');
    await db.query('TRUNCATE cut');
    await db.query('INSERT INTO cut VALUES (2)');
    await db.query("INSERT INTO large VALUES (1, repeat('0123456789', 1048576))");
    await db.query(`INSERT INTO "Odd ""name.x" VALUES (1, 'dot', 'word')`);
    await db.query("SELECT pg_logical_emit_message(true, 'elstream:test', 'hello')");
  });

  it.each(modes())('has columns that are unchanged and toasted as unknown, %s', async (_name, capture) => {
    const { decoded } = await decodeAll(capture(), 'toast', 2);
    const [insert, update] = decoded;
    if (insert?.op !== 'insert' || update?.op !== 'update') throw new Error(JSON.stringify(decoded.map((d) => d.op)));
    expect(insert.row.every((cell) => typeof cell === 'string')).toBe(true);
    expect(update.row).toEqual(['1', '2', undefined, undefined, undefined, undefined, undefined, undefined, undefined]);
  });

  it.each(modes())('of a key change is a delete of the old key and an insert of the new, which name each other, %s', async (_name, capture) => {
    const { decoded, events } = await decodeAll(capture(), 'moved', 5);
    expect(decoded.map((d) => [d.op, 'key' in d ? d.key : null])).toEqual([
      ['insert', ['1', 'x']],
      ['delete', ['1', 'x']],
      ['insert', ['1', `y'"`]],
      ['update', ['1', `y'"`]],
      ['delete', ['1', `y'"`]],
    ]);
    const changes = decoded.map((d) => ('keyChange' in d ? d.keyChange : null));
    expect(changes).toEqual([null, { side: 'from', otherKey: ['1', `y'"`] }, { side: 'to', otherKey: ['1', 'x'] }, null, null]);
    const [, from, to] = events.map((event) => payload(event)['source'] as { lsn: number; txId: number });
    expect(from).toEqual(to);
  });

  it.each(modes())('under REPLICA IDENTITY FULL holds every column, %s', async (_name, capture) => {
    const { decoded, events } = await decodeAll(capture(), 'full_image', 3);
    const [, update, gone] = decoded;
    if (update?.op !== 'update' || gone?.op !== 'delete') throw new Error(JSON.stringify(decoded.map((d) => d.op)));
    expect(update.row[2]).toHaveLength(12_800);
    expect(gone.key).toEqual(['1']);
    expect((payload(events[2])['before'] as { v: string }).v).toBe('b');
  });

  it.each(modes())('of a truncate stands between the rows around it, without a key, %s', async (_name, capture) => {
    const { decoded, events } = await decodeAll(capture(), 'cut', 3);
    expect(decoded.map((d) => d.op)).toEqual(['insert', 'truncate', 'insert']);
    expect(events[1]?.key).toBeNull();
  });

  it.each(modes())('of 10 MB arrives whole, %s', async (_name, capture) => {
    const { decoded } = await decodeAll(capture(), 'large', 1);
    expect(decoded[0]?.op === 'insert' && decoded[0].row[1]).toHaveLength(10_485_760);
  });

  it.each(modes())('of a table and columns with odd names is read, its topic without what Kafka does not allow, %s', async (_name, capture) => {
    const { decoded } = await decodeAll(capture(), 'Odd "name.x', 1, 'Odd__name.x');
    expect(decoded[0]?.op === 'insert' && decoded[0].row).toEqual(['1', 'dot', 'word']);
  });

  it('of a logical message is in the topic <prefix>.message, with the prefix for its key', async () => {
    const [event] = await off.records('message', 1);
    expect(JSON.parse(event?.key?.toString() ?? '')).toEqual({ prefix: 'elstream:test' });
    expect(payload(event)['message']).toEqual({ prefix: 'elstream:test', content: Buffer.from('hello').toString('base64') });
    expect(payload(event)['source']).toMatchObject({ schema: '', table: '' });
  });

  it('has the LSN of its change, which falls where transactions interleave, and the last commit before it; the committed offset is that of the last event', async () => {
    const { db } = context;
    const [a, b] = [await db.client(), await db.client()];
    await a.query('BEGIN');
    await b.query('BEGIN');
    await a.query('INSERT INTO woven VALUES (1)');
    await b.query('INSERT INTO woven VALUES (2)');
    await a.query('INSERT INTO woven VALUES (3)');
    await b.query('INSERT INTO woven VALUES (4)');
    await b.query('COMMIT');
    await a.query('COMMIT');
    await db.query('INSERT INTO woven VALUES (5), (6)');
    const events = (await off.records('public.woven', 6)).map((event) => ({ id: (payload(event)['after'] as { id: number }).id, source: payload(event)['source'] as { lsn: number; txId: number; sequence: string } }));
    const lsn = new Map(events.map(({ id, source }) => [id, source.lsn]));
    const lastCommit = events.map(({ source }) => Number((JSON.parse(source.sequence) as string[])[0]));
    // By commit, b before a; but a's first change is older.
    expect(events.map(({ id }) => id)).toEqual([2, 4, 1, 3, 5, 6]);
    expect([...lsn.keys()].sort((x, y) => lsn.get(x)! - lsn.get(y)!)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(new Set(events.map(({ source }) => source.txId)).size).toBe(3);
    expect([lastCommit[0] === lastCommit[1], lastCommit[1]! < lastCommit[2]!, lastCommit[2] === lastCommit[3], lastCommit[3]! < lastCommit[4]!]).toEqual([true, true, true, true]);
    const committed = (await off.offsets()) as { offsets: { offset: Record<string, unknown> }[] };
    expect(committed.offsets).toHaveLength(1);
    expect(committed.offsets[0]?.offset).toMatchObject({ lsn: lsn.get(6), lsn_proc: lsn.get(6), lsn_commit: lastCommit[5], txId: events[5]?.source.txId, messageType: 'INSERT' });
  });
});

describe('an unchanged toasted bytea', () => {
  it.each([
    ['bytes', 'is unknown', 'update'],
    ['base64', 'is NULL in the event, which the decoder parks', 'poison'],
    ['hex', 'is unknown', 'update'],
  ] as const)('with binary.handling.mode=%s %s', async (binary, _what, op) => {
    await using own = await CaptureContext.open('CREATE TABLE t (id int PRIMARY KEY, n int, b bytea); ALTER TABLE t ALTER b SET STORAGE EXTERNAL', ['t']);
    const [capture] = await own.capture({ handling: { ...REGISTERED, binary } });
    await own.db.query("INSERT INTO t VALUES (1, 1, decode(repeat(md5('b'), 400), 'hex'))");
    await own.db.query('UPDATE t SET n = 2');
    const [table] = await describeTables(own.db);
    const [, update] = await capture!.records('public.t', 2);
    const decoded = decoderFor(table!, capture!).decode(update!);
    expect(decoded.op).toBe(op);
    if (decoded.op === 'update') expect(decoded.row).toEqual(['1', '2', undefined]);
    else expect((payload(update)['after'] as { b: unknown }).b).toBeNull();
  });

});

describe('an unchanged toasted value', () => {
  it.each<[string, Partial<HandlingModes>, string, string]>([
    ['of bytea[]', { binary: 'base64' }, 'bytea[]', "ARRAY[decode(repeat(md5('b'), 400), 'hex')]"],
    ['of numeric', { decimal: 'precise' }, 'numeric', "repeat('1234567890', 2000)::numeric"],
  ])('%s stops the connector under %j', async (_name, handling, type, value) => {
    await using own = await CaptureContext.open(`CREATE TABLE t (id int PRIMARY KEY, n int, v ${type}); ALTER TABLE t ALTER v SET STORAGE EXTERNAL`, ['t']);
    const [capture] = await own.capture({ handling: { ...REGISTERED, ...handling } });
    await own.db.query(`INSERT INTO t VALUES (1, 1, ${value})`);
    await own.db.query('UPDATE t SET n = 2');
    await expect(capture!.records('public.t', 2)).rejects.toThrow('Failed to properly convert data value');
  });
});

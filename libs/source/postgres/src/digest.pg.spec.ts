import { Client } from 'pg';
import { createTypesTable, forEachSeed, insertTypeRows, OWN_TYPES, POSTGRES_TYPES, rotateTypeRows, TYPE_ROWS, type SeededRandom } from '@elstream/testing';
import { BUCKETS, ONE_BUCKET, openCopied, sorted, sortedKeys, type Copied } from './digest.fixture';
import { createPostgresSource } from './postgres-source';
import { describeOne, EVERYTHING, mappingOf, openSource, running } from './source-fixture.fixture';

/** [column type at the source, value, damaged value (SQL; of the warehouse's type)] */
const DAMAGES: readonly (readonly [type: string, value: string, damaged: string])[] = [
  ['text', 'NULL', `''`],
  ['text', `''`, 'NULL'],
  ['text', `'~'`, 'NULL'],
  ['text', `'0:'`, `''`],
  ['text', `E'\\x1f'`, `''`],
  ['text', 'NULL', `':'`],
  ['text', `'a'`, `'a '`],
  ['text', `'a'`, `'A'`],
  ['text', `'é'`, `U&'e\\0301'`],
  ['text', `'😀'`, `'😁'`],
  ['varchar(9)', `'a '`, `'a'`],
  ['char(5)', `'ab'`, `'abc'`],
  ['char(5)', `''`, 'NULL'],
  ['bool', 'true', 'false'],
  ['int8', '9007199254740993', '9007199254740992'],
  ['int4', '0', 'NULL'],
  ['numeric', '12345678901234567890.1234567890', '12345678901234567890.1234567891'],
  ['numeric', `'NaN'`, `'Infinity'`],
  ['numeric(10,2)', '1.10', '1.11'],
  ['numeric', '10', '1'],
  ['float8', '0', `'-0'`],
  ['float8', '1', '1.0000000000000002'],
  ['float8', `'NaN'`, `'-Infinity'`],
  ['float8', `'NaN'`, 'NULL'],
  ['float4', '0.1', '0.10000001'],
  ['timestamptz', `'2024-01-01 00:00:00.000001+00'`, `'2024-01-01 00:00:00.000002+00'`],
  ['timestamp', `'infinity'`, `'-infinity'`],
  ['timestamp', `'2024-01-01'`, `'2024-01-01 00:00:00.000001'`],
  ['date', `'2024-02-29'`, `'2024-03-01'`],
  ['date', `'0044-03-15'`, `'0044-03-15 BC'`],
  ['time', `'24:00'`, `'00:00'`],
  ['timetz', `'12:00+00'`, `'13:00+01'`],
  ['interval', `'1 mon'`, `'30 days'`],
  ['bytea', `'\\x00'`, `'\\x0000'`],
  ['bytea', `'\\x'`, 'NULL'],
  ['uuid', `'00000000-0000-0000-0000-000000000000'`, `'00000000-0000-0000-0000-000000000001'`],
  ['json', `'{"a":1}'`, `'{"a": 1}'`],
  ['jsonb', `'{"a": 1}'`, `'{"a": 1.0}'`],
  ['jsonb', `'null'`, 'NULL'],
  ['int4[]', `'{NULL}'`, `'{}'`],
  ['int4[]', `'{1}'`, `'[0:0]={1}'`],
  ['text[]', `'{"NULL"}'`, `'{NULL}'`],
  ['inet', `'192.168.0.1/24'`, `'192.168.0.1/25'`],
  ['public."Mood.of day"', `'a b'`, `'a  b'`],
  ['public.pair', 'ROW(NULL, NULL, NULL)', 'NULL'],
  ['public.padded', `'ab'`, `'ba'`],
  ['public.amount', '1.5', '1.5001'],
];

const digestOf = async (of: Promise<readonly { readonly digest: string }[]>): Promise<string | undefined> => (await of)[0]?.digest;

describe('digests of rows and of their copies', () => {
  it('are equal for every type and every hard value, as first inserted and after each was replaced by another', async () => {
    const inserts = insertTypeRows('public.t').join(';');
    for (const rotate of ['', rotateTypeRows('public.t')]) {
      await using copied = await openCopied(`${OWN_TYPES}${createTypesTable('public.t')};${inserts};${rotate}`);
      for (const { name } of POSTGRES_TYPES) {
        const one = copied.only(['id', name]);
        const found = await one.digestsOfSource();
        expect({ name, rows: found.length }).toEqual({ name, rows: TYPE_ROWS });
        expect({ name, digests: sortedKeys(await one.digestsOfCopy()) }).toEqual({ name, digests: sortedKeys(found) });
      }
      expect(sorted(await copied.ofCopy())).toEqual(sorted(await copied.ofSource()));
    }
  });

  it('are of rows with more columns than a function takes arguments', async () => {
    const names = Array.from({ length: 400 }, (_, i) => `c${i}`);
    await using copied = await openCopied(`CREATE TABLE t (id int PRIMARY KEY, ${names.map((n) => `${n} text`).join(', ')}); INSERT INTO t (id, c0, c399) VALUES (1, 'a', 'b'), (2, NULL, '')`);
    const before = sortedKeys(await copied.digestsOfSource());
    expect(sortedKeys(await copied.digestsOfCopy())).toEqual(before);
    await copied.context.db.query('UPDATE copy.t SET c399 = NULL WHERE id = 2');
    expect(sortedKeys(await copied.digestsOfCopy())).not.toEqual(before);
  });

  it.each([
    ['a decimal and its trailing zeros', 'numeric', '1.00', '1.0'],
    ['a whole decimal', 'numeric', '100', '100.000'],
    ['a NaN with its sign set by arithmetic', 'float8', `'NaN'`, `'Infinity'::float8 - 'Infinity'::float8`],
    ['a NaN of four bytes', 'float4', `'NaN'`, `'Infinity'::float4 - 'Infinity'::float4`],
  ])('are equal for %s', async (_what, type, value, other) => {
    await using copied = await openCopied(`CREATE TABLE t (id int PRIMARY KEY, v ${type}); INSERT INTO t VALUES (1, ${value})`);
    await copied.context.db.query(`UPDATE copy.t SET v = ${other}`);
    expect(await digestOf(copied.digestsOfCopy())).toBe(await digestOf(copied.digestsOfSource()));
  });

  it('differ for every small damage, and the checksum with them', async () => {
    const columns = DAMAGES.map(([type], i) => `d${i} ${type}`);
    const values = DAMAGES.map(([, value]) => value);
    await using copied = await openCopied(`${OWN_TYPES} CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')}); INSERT INTO t VALUES (1, ${values.join(', ')})`);
    const sound = { digest: await digestOf(copied.digestsOfSource()), sums: sorted(await copied.ofSource()) };
    expect({ digest: await digestOf(copied.digestsOfCopy()), sums: sorted(await copied.ofCopy()) }).toEqual(sound);
    for (const [i, [type, value, damaged]] of DAMAGES.entries()) {
      const { db } = copied.context;
      await db.query(`CREATE TABLE copy.kept AS TABLE copy.t; UPDATE copy.t SET d${i} = ${damaged}`);
      const unnoticed = { type, value, damaged, digest: (await digestOf(copied.digestsOfCopy())) === sound.digest, sum: sorted(await copied.ofCopy())[0] === sound.sums[0] };
      expect(unnoticed).toEqual({ type, value, damaged, digest: false, sum: false });
      await db.query('TRUNCATE copy.t; INSERT INTO copy.t TABLE copy.kept; DROP TABLE copy.kept');
    }
    expect(sorted(await copied.ofCopy())).toEqual(sound.sums);
  });
});

describe('checksums of a range', () => {
  it('have no order in them, but which value is in which row and in which column', async () => {
    await using copied = await openCopied(`CREATE TABLE t (id int PRIMARY KEY, a text, b text); INSERT INTO t SELECT i, 'a' || i, 'b' || i FROM generate_series(1, 50) i`);
    const { db } = copied.context;
    const sound = sorted(await copied.ofSource(EVERYTHING, 1));
    await db.query('CREATE TABLE copy.kept AS TABLE copy.t; TRUNCATE copy.t; INSERT INTO copy.t SELECT * FROM copy.kept ORDER BY id DESC');
    expect(sorted(await copied.ofCopy(1))).toEqual(sound);
    for (const damage of [
      `UPDATE copy.t SET a = CASE id WHEN 1 THEN 'a2' ELSE 'a1' END WHERE id IN (1, 2)`,
      'UPDATE copy.t SET a = b, b = a WHERE id = 7',
      `UPDATE copy.t SET a = a || left(b, 1), b = substr(b, 2) WHERE id = 7`,
      'INSERT INTO copy.t SELECT * FROM copy.t WHERE id = 3',
      'DELETE FROM copy.t WHERE id = 50',
    ]) {
      await db.query(damage);
      expect({ damage, same: sorted(await copied.ofCopy(1))[0] === sound[0] }).toEqual({ damage, same: false });
      await db.query('TRUNCATE copy.t; INSERT INTO copy.t TABLE copy.kept');
    }
  });

  it('are of exactly the keys in it, with a composite key too, and none where there are none', async () => {
    await using copied = await openCopied(`CREATE TABLE t (v text, a int, b uuid, PRIMARY KEY (a, b));
      INSERT INTO t SELECT i, i / 10, lpad(to_hex(i), 32, '0')::uuid FROM generate_series(0, 99) i`);
    const uuid = (n: number): string => `00000000-0000-0000-0000-0000000000${n.toString(16).padStart(2, '0')}`;
    const range = { from: ['1', uuid(15)], to: ['3', uuid(31)] };
    const found = await copied.digestsOfSource(ONE_BUCKET, range);
    expect(found.map((d) => d.key).sort()).toEqual(Array.from({ length: 16 }, (_, i) => [String(Math.floor((15 + i) / 10)), uuid(15 + i)]));
    expect((await copied.ofSource(range)).reduce((rows, sum) => rows + sum.rows, 0)).toBe(16);
    expect(await copied.ofSource({ from: ['11', uuid(0)], to: null })).toEqual([]);
    expect(await copied.digestsOfSource(ONE_BUCKET, { from: ['11', uuid(0)], to: null })).toEqual([]);
    const parts = await Promise.all([range, { from: null, to: range.from }, { from: range.to, to: null }].map((r) => copied.digestsOfSource(ONE_BUCKET, r)));
    expect(sortedKeys(parts.flat())).toEqual(sortedKeys(await copied.digestsOfCopy()));
  });

  it('spread integer keys over buckets by arithmetic, all of int8 and multiples of anything', async () => {
    await using copied = await openCopied(`CREATE TABLE t (id int8 PRIMARY KEY, v inet); INSERT INTO t SELECT i * 10000000::int8, '::1' FROM generate_series(-4000, 4000) i;
      INSERT INTO t VALUES (9223372036854775807), (-9223372036854775808), (2147483647), (-1)`);
    const found = await copied.ofSource(EVERYTHING, 1000);
    expect(sorted(await copied.ofCopy(1000))).toEqual(sorted(found));
    expect(found.length).toBeGreaterThan(950);
    expect(Math.max(...found.map((sum) => sum.rows))).toBeLessThan(40);
    expect(found.every((sum) => sum.bucket >= 0 && sum.bucket < 1000)).toBe(true);
    // a bucket of a multiple lies in exactly one of the first
    const [first] = found;
    const bucket = first?.bucket ?? 0;
    const parts = await copied.digestsOfSource({ of: 3000, which: [bucket, bucket + 1000, bucket + 2000] });
    expect(sortedKeys(parts)).toEqual(sortedKeys(await copied.digestsOfCopy({ of: 1000, which: [bucket] })));
    expect(parts).toHaveLength(first?.rows ?? -1);
  });

  it('take a column masked to NULL for NULL, and notice a clear value left in the warehouse', async () => {
    await using copied = await openCopied(`CREATE TABLE t (id int PRIMARY KEY, a text, b uuid, c inet); INSERT INTO t VALUES (1, 'clear', '00000000-0000-0000-0000-000000000001', '::1')`);
    const { mapping } = copied;
    const masked = copied.with({ ...mapping, columns: mapping.columns.map((c, i) => (i === 0 ? c : { ...c, mask: { kind: 'null' } })) });
    const sound = sorted(await masked.ofSource());
    const { db } = copied.context;
    for (const left of ['a', 'b', 'c']) {
      await db.query(`UPDATE copy.t SET ${['a', 'b', 'c'].filter((c) => c !== left).map((c) => `${c} = NULL`).join(', ')}, ${left} = (SELECT ${left} FROM public.t)`);
      expect(sorted(await masked.ofCopy())).not.toEqual(sound);
    }
    await db.query('UPDATE copy.t SET a = NULL, b = NULL, c = NULL');
    expect(sorted(await masked.ofCopy())).toEqual(sound);
  });

  it('never contain what a mask hides, and are refused where a mask needs its secret', async () => {
    await using context = await openSource(`CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'clear')`);
    const { db, source } = context;
    const table = await describeOne(source, 'public.t');
    const masked = mappingOf(table, 1000, { a: { kind: 'null' } });
    const before = await source.checksums(masked, EVERYTHING, 1, running());
    await db.query(`UPDATE t SET a = 'other'`);
    expect(await source.checksums(masked, EVERYTHING, 1, running())).toEqual(before);
    const hashed = mappingOf(table, 1000, { a: { kind: 'hash', secret: 's' } });
    await expect(source.checksums(hashed, EVERYTHING, 1, running())).rejects.toThrow(RangeError);
    await expect(source.digests(hashed, EVERYTHING, ONE_BUCKET, running())).rejects.toThrow(RangeError);
  });

  it('are of UTF-8 bytes also where the database keeps its texts in another encoding', async () => {
    const rows = `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'äöü€')`;
    await using copied = await openCopied(rows);
    const { db } = copied.context;
    const name = `${db.name}_latin9`;
    await db.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING LATIN9 LC_COLLATE 'C' LC_CTYPE 'C'`);
    const url = db.url.replace(db.name, name);
    const latin = await createPostgresSource({ url, counterPrefix: 'elstream:test' });
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      await client.query(rows);
      expect(await latin.digests(copied.mapping, EVERYTHING, ONE_BUCKET, running())).toEqual(await copied.digestsOfCopy());
      expect(sorted(await latin.checksums(copied.mapping, EVERYTHING, BUCKETS, running()))).toEqual(sorted(await copied.ofCopy()));
    } finally {
      await client.end();
      await latin.close();
      await db.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  it('stops when told to, and gives its connection up', async () => {
    await using context = await openSource(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat('x', 2000) FROM generate_series(1, 50000) i`);
    const mapping = mappingOf(await describeOne(context.source, 'public.t'));
    const abort = new AbortController();
    const told = context.source.checksums(mapping, EVERYTHING, 16, abort.signal);
    abort.abort(new Error('told to stop'));
    await expect(told).rejects.toThrow('told to stop');
    expect((await context.source.checksums(mapping, EVERYTHING, 1, running()))[0]?.rows).toBe(50_000);
  });
});

/** Rows of mixed types under a composite key, then one damage after another, each mended again. */
describe('a single damage among random rows', () => {
  const ROWS = 200;
  const text = (random: SeededRandom): string => (random.chance(0.2) ? 'NULL' : `'${Array.from({ length: random.int(0, 6) }, () => random.pick(['a', ' ', '\x1f', ':', '1', 'ü', '😀', "''"])).join('')}'`);
  const number = (random: SeededRandom): string => (random.chance(0.2) ? 'NULL' : (random.int(-1_000_000, 1_000_000) / 100).toFixed(2));
  const row = (random: SeededRandom, i: number): string => `(${i % 7}, 'k${i}', ${text(random)}, ${text(random)}, ${number(random)}, ${random.pick(['NULL', '0', "'-0'", '0.5', "'NaN'"])}, '2024-01-01'::timestamptz + ${random.int(0, 9_999_999)} * interval '1 microsecond')`;
  const damages: readonly string[] = [
    `a = coalesce(a || ' ', '')`, `a = CASE WHEN a IS NULL THEN '' END`, `n = coalesce(n, 0) + 0.01`, `f = CASE WHEN f IS NULL THEN 0 WHEN f = 0.5 THEN 0.5000000000000001 END`,
    `at = at + interval '1 microsecond'`, `b = coalesce(b, '') || E'\\x1f'`,
  ];

  it('changes the checksum of its bucket alone, and digests name its key alone', async () => {
    await forEachSeed('digest', 3, async (random) => {
      const rows = Array.from({ length: ROWS }, (_, i) => row(random, i)).join(', ');
      await using copied: Copied = await openCopied(`CREATE TABLE t (p int, k varchar(9), a text, b text, n numeric, f float8, at timestamptz, PRIMARY KEY (p, k)); INSERT INTO t VALUES ${rows}`);
      const { db } = copied.context;
      const sound = await copied.ofSource();
      expect(sorted(await copied.ofCopy())).toEqual(sorted(sound));
      for (let turn = 0; turn < 30; turn += 1) {
        const i = random.int(0, ROWS - 1);
        const damage = random.chance(0.15) ? `DELETE FROM copy.t WHERE k = 'k${i}'` : `UPDATE copy.t SET ${random.pick(damages)} WHERE k = 'k${i}'`;
        await db.query(`CREATE TABLE copy.kept AS SELECT * FROM copy.t WHERE k = 'k${i}'; ${damage}`);
        const of = new Map((await copied.ofCopy()).map((sum) => [sum.bucket, sum.checksum]));
        const which = sound.filter((sum) => of.get(sum.bucket) !== sum.checksum).map((sum) => sum.bucket);
        const there = new Set(sortedKeys(await copied.digestsOfCopy({ of: BUCKETS, which })));
        const named = (await copied.digestsOfSource({ of: BUCKETS, which })).filter((d) => !there.has(sortedKeys([d])[0] ?? '')).map((d) => d.key);
        expect({ damage, buckets: which.length, named }).toEqual({ damage, buckets: 1, named: [[String(i % 7), `k${i}`]] });
        await db.query(`DELETE FROM copy.t WHERE k = 'k${i}'; INSERT INTO copy.t TABLE copy.kept; DROP TABLE copy.kept`);
      }
    });
  });
});

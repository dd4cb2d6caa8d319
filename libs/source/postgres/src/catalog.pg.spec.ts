import { tableId } from '@elstream/core';
import { createPostgresSource } from './postgres-source';
import { describeOne, openSource, selection } from './source-fixture.fixture';

const TYPES: readonly (readonly [native: string, portable: string, kind: string])[] = [
  ['boolean', 'pg_catalog.bool', 'boolean'],
  ['smallint', 'pg_catalog.int2', 'integer'],
  ['integer', 'pg_catalog.int4', 'integer'],
  ['bigint', 'pg_catalog.int8', 'integer'],
  ['oid', 'pg_catalog.oid', 'other'],
  ['numeric', 'pg_catalog.numeric', 'decimal'],
  ['numeric(10,2)', 'pg_catalog.numeric(10,2)', 'decimal'],
  ['numeric(5,-3)', 'pg_catalog.numeric(5,-3)', 'decimal'],
  ['numeric(3,7)', 'pg_catalog.numeric(3,7)', 'decimal'],
  ['numeric(1000,1000)', 'pg_catalog.numeric(1000,1000)', 'decimal'],
  ['real', 'pg_catalog.float4', 'float'],
  ['double precision', 'pg_catalog.float8', 'float'],
  ['money', 'pg_catalog.money', 'other'],
  ['text', 'pg_catalog.text', 'text'],
  ['name', 'pg_catalog.name', 'text'],
  ['"char"', 'pg_catalog."char"', 'other'],
  ['character varying', 'pg_catalog.varchar', 'text'],
  ['character varying(7)', 'pg_catalog.varchar(7)', 'text'],
  ['character(10)', 'pg_catalog.bpchar(10)', 'text'],
  ['bpchar', 'pg_catalog.bpchar', 'text'],
  ['bytea', 'pg_catalog.bytea', 'binary'],
  ['uuid', 'pg_catalog.uuid', 'uuid'],
  ['date', 'pg_catalog.date', 'date'],
  ['time(0) without time zone', 'pg_catalog.time(0)', 'time'],
  ['time with time zone', 'pg_catalog.timetz', 'time'],
  ['timestamp without time zone', 'pg_catalog.timestamp', 'timestamp'],
  ['timestamp(3) with time zone', 'pg_catalog.timestamptz(3)', 'timestamp'],
  ['interval', 'pg_catalog.interval', 'other'],
  ['interval day to second(3)', 'pg_catalog.interval', 'other'],
  ['bit(8)', 'pg_catalog.bit(8)', 'other'],
  ['bit varying(9)', 'pg_catalog.varbit(9)', 'other'],
  ['json', 'pg_catalog.json', 'json'],
  ['jsonb', 'pg_catalog.jsonb', 'json'],
  ['jsonpath', 'pg_catalog.jsonpath', 'other'],
  ['xml', 'pg_catalog.text', 'other'],
  ['inet', 'pg_catalog.inet', 'other'],
  ['tsvector', 'pg_catalog.tsvector', 'other'],
  ['point', 'pg_catalog.point', 'other'],
  ['int4range', 'pg_catalog.int4range', 'other'],
  ['nummultirange', 'pg_catalog.nummultirange', 'other'],
  ['integer[]', 'pg_catalog.int4[]', 'other'],
  ['numeric(10,2)[]', 'pg_catalog.numeric(10,2)[]', 'other'],
  ['xml[]', 'pg_catalog.text', 'other'],
  ['public.mood', 'pg_catalog.text', 'other'],
  ['public.mood[]', 'pg_catalog.text[]', 'other'],
  ['public.amount', 'pg_catalog.numeric(12,3)', 'decimal'],
  ['public.small_amount', 'pg_catalog.numeric(12,3)', 'decimal'],
  ['public.amount[]', 'pg_catalog.numeric(12,3)[]', 'other'],
  ['public.ints', 'pg_catalog.int4[]', 'other'],
  ['public.ints[]', 'pg_catalog.text', 'other'],
  ['public.feeling', 'pg_catalog.text', 'other'],
  ['public.pair', 'pg_catalog.text', 'other'],
  ['public.pair[]', 'pg_catalog.text', 'other'],
  ['public.textrange', 'pg_catalog.text', 'other'],
];

const USER_TYPES = `
  CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text); CREATE TYPE textrange AS RANGE (subtype = text);
  CREATE DOMAIN amount AS numeric(12,3); CREATE DOMAIN small_amount AS amount CHECK (VALUE < 10); CREATE DOMAIN ints AS int[]; CREATE DOMAIN feeling AS mood;`;

describe('describing the tables of a PostgreSQL source', () => {
  it('gives each type its spelling, a portable type that the warehouse accepts, and a kind', async () => {
    const columns = TYPES.map(([native], i) => `c${i} ${native}`).join(', ');
    await using context = await openSource(`${USER_TYPES} CREATE TABLE t (id int PRIMARY KEY, gone int, ${columns}); ALTER TABLE t DROP COLUMN gone`);
    const table = await describeOne(context.source, 'public.t');
    expect(table.problems).toEqual([]);
    const carried = table.schema.columns.slice(1);
    expect(carried.map((c) => [c.native, c.portable, c.type.kind])).toEqual(TYPES.map((t) => [...t]));
    await context.db.query(`CREATE TABLE w (${carried.map((c) => `${c.name} ${c.portable}`).join(', ')})`);
    expect(table.schema.columns[0]).toEqual({ name: 'id', type: { kind: 'integer', bits: 32 }, native: 'integer', portable: 'pg_catalog.int4', nullable: false });
    expect(carried[6]?.type).toEqual({ kind: 'decimal', precision: 10, scale: 2 });
    expect(carried[18]).toMatchObject({ type: { kind: 'text', maxLength: 10, padded: true }, nullable: true });
  });

  it('keeps names of any letters and 200 columns in order', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `Column "${i}" of ünï.码`);
    const quoted = names.map((n) => `"${n.replaceAll('"', '""')}"`);
    await using context = await openSource(`CREATE SCHEMA "Se.lect"; CREATE TABLE "Se.lect"."from ""x""" (${quoted.map((n) => `${n} text`).join(', ')}, PRIMARY KEY (${quoted[7]}, ${quoted[3]}))`);
    const table = await describeOne(context.source, 'Se.lect.from "x"');
    expect(table.schema.columns.map((c) => c.name)).toEqual(names);
    expect(table.schema.key).toEqual([names[7], names[3]]);
    expect(await describeOne(context.source, tableId(table.schema))).toEqual(table);
  });

  it('takes its key from the replica identity, and says what to do where there is none', async () => {
    await using context = await openSource(`
      CREATE TABLE pk (a int, b int, c int, PRIMARY KEY (b, a));
      CREATE TABLE idx (a int PRIMARY KEY, b int NOT NULL UNIQUE); ALTER TABLE idx REPLICA IDENTITY USING INDEX idx_b_key;
      CREATE TABLE full_pk (a int PRIMARY KEY); ALTER TABLE full_pk REPLICA IDENTITY FULL;
      CREATE TABLE full_unique (a int NOT NULL, b int UNIQUE, c int NOT NULL UNIQUE); ALTER TABLE full_unique REPLICA IDENTITY FULL;
      CREATE TABLE full_partial (a int NOT NULL, b int UNIQUE); CREATE UNIQUE INDEX ON full_partial (a) WHERE a > 0; CREATE UNIQUE INDEX ON full_partial ((a + 1)); ALTER TABLE full_partial REPLICA IDENTITY FULL;
      CREATE TABLE nothing (a int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
      CREATE TABLE keyless (a int);
      CREATE TABLE late (a int PRIMARY KEY DEFERRABLE);
      CREATE TABLE ident (a int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b serial);`);
    const tables = new Map((await context.source.describe(selection(['public.*']))).map((t) => [t.schema.name, t]));
    const key = (name: string) => ({ key: tables.get(name)?.schema.key, problems: tables.get(name)?.problems });
    expect(key('pk')).toEqual({ key: ['b', 'a'], problems: [] });
    expect(key('idx')).toEqual({ key: ['b'], problems: [] });
    expect(key('full_pk')).toEqual({ key: ['a'], problems: [] });
    expect(key('full_unique')).toEqual({ key: ['c'], problems: [] });
    expect(key('ident')).toEqual({ key: ['a'], problems: [] });
    for (const [name, remedy] of Object.entries({ full_partial: 'unique index over NOT NULL columns', nothing: 'REPLICA IDENTITY DEFAULT', keyless: 'no primary key', late: 'NOT DEFERRABLE' })) {
      expect(key(name)).toEqual({ key: [], problems: [expect.stringMatching(new RegExp(`^public.${name}: .*${remedy}`)) as string] });
    }
  });

  it.each<[string, readonly string[], readonly string[] | string]>([
    ['part of the identity and unique', ['b'], ['b']],
    ['in the order of its index', ['c', 'a'], ['a', 'c']],
    ['not unique by itself', ['a'], 'no unique index has exactly'],
    ['nullable', ['n'], 'declare it NOT NULL'],
    ['not a column', ['zz'], 'zz'],
  ])('accepts a configured key of a FULL table only if it identifies rows: %s', async (_, configured, expected) => {
    await using context = await openSource('CREATE TABLE t (a int NOT NULL, b int NOT NULL UNIQUE, c int NOT NULL, n int UNIQUE, UNIQUE (a, c)); ALTER TABLE t REPLICA IDENTITY FULL');
    const table = await describeOne(context.source, 'public.t', { keys: new Map([['public.t', configured]]) });
    if (typeof expected === 'string') expect(table.problems).toEqual([expect.stringContaining(expected)]);
    else expect([table.schema.key, table.problems]).toEqual([expected, []]);
  });

  it('refuses a configured key that the log does not deliver, and an excluded key column', async () => {
    await using context = await openSource('CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL UNIQUE)');
    expect((await describeOne(context.source, 'public.t', { keys: new Map([['public.t', ['b']]]) })).problems).toEqual([expect.stringContaining('not part of the replica identity')]);
    expect((await describeOne(context.source, 'public.t', { excludedColumns: new Map([['public.t', ['a']]]) })).problems).toEqual([expect.stringContaining('cannot be excluded')]);
  });

  it('refuses columns that cannot be carried by name, unless they are excluded', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, r regclass, ra regtype[], v int GENERATED ALWAYS AS (id + 1) VIRTUAL, s int GENERATED ALWAYS AS (id + 2) STORED)');
    const table = await describeOne(context.source, 'public.t');
    expect(table.problems).toEqual(['r', 'ra', 'v'].map((c) => expect.stringMatching(new RegExp(`^public.t: column ${c} .*exclude the column$`)) as string));
    expect((await describeOne(context.source, 'public.t', { excludedColumns: new Map([['public.t', ['r', 'ra', 'v']]]) })).problems).toEqual([]);
  });

  it('replicates a partitioned table as a whole and looks at the identity of every partition', async () => {
    await using context = await openSource(`
      CREATE TABLE p (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE TABLE p_a PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
      CREATE TABLE p_b PARTITION OF p FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY RANGE (id);
      CREATE TABLE p_b1 PARTITION OF p_b FOR VALUES FROM (0) TO (100);
      INSERT INTO p SELECT i, '2020-05-05' FROM generate_series(1, 10) i; INSERT INTO p SELECT i, '2021-05-05' FROM generate_series(1, 5) i; ANALYZE p;`);
    const { db, source } = context;
    const [table, ...others] = await source.describe(selection(['public.*']));
    expect(others).toEqual([]);
    expect(table).toMatchObject({ schema: { name: 'p', key: ['id', 'at'] }, problems: [], estimatedRows: 15 });
    await db.query('ALTER TABLE p_b1 REPLICA IDENTITY NOTHING');
    expect((await describeOne(source, 'public.p')).problems).toEqual([expect.stringContaining('public.p_b1')]);
    expect((await source.describe(selection(['public.*'], { exclude: ['public.p'] }))).map((t) => t.schema.name)).toEqual(['p_a', 'p_b']);
    expect((await source.describe(selection(['public.p', 'public.p_a']))).find((t) => t.schema.name === 'p_a')?.problems).toEqual([expect.stringContaining('partition of public.p')]);
  });

  it('refuses what has no changes in the log when named, and passes over it by wildcard', async () => {
    await using context = await openSource(`
      CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW mv AS SELECT * FROM t;
      CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (t);
      CREATE SCHEMA elstream; CREATE TABLE elstream.control (id int PRIMARY KEY); CREATE TABLE elstream.counter (pipeline text PRIMARY KEY);`);
    const { source } = context;
    for (const all of ['*', '*.*']) expect((await source.describe(selection([all]))).map((t) => [t.schema.name, t.problems.length])).toEqual([['t', 0], ['u', 1]]);
    for (const [name, what] of [['v', 'a view'], ['mv', 'a materialized view'], ['u', 'an unlogged table'], ['child', 'an inheritance child']]) {
      expect((await describeOne(source, `public.${name}`)).problems).toEqual([expect.stringContaining(`public.${name}: it is ${what}`)]);
    }
    for (const name of ['elstream.control', 'elstream.counter', 'pg_catalog.pg_class', 'public.none']) {
      await expect(source.describe(selection([name]))).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND', place: { table: name } });
    }
  });

  it('says which privileges the connecting role lacks', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, secret text); CREATE TABLE rls (id int PRIMARY KEY); ALTER TABLE rls ENABLE ROW LEVEL SECURITY');
    const { db } = context;
    const role = `r_${db.name}`;
    await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pw'; GRANT SELECT (id) ON t TO ${role}; GRANT SELECT ON rls TO ${role}`);
    const url = new URL(db.url);
    url.username = role;
    url.password = 'pw';
    const source = await createPostgresSource({ url: url.toString(), counterPrefix: 'x' });
    try {
      expect((await describeOne(source, 'public.t')).problems).toEqual([expect.stringContaining('may not read column secret'), expect.stringContaining('only its owner can')]);
      expect((await describeOne(source, 'public.rls')).problems).toContainEqual(expect.stringContaining('row-level security'));
      await db.query(`ALTER TABLE t OWNER TO ${role}; ALTER TABLE rls OWNER TO ${role}`);
      expect((await describeOne(source, 'public.t')).problems).toEqual([]);
      expect((await describeOne(source, 'public.rls')).problems).toEqual([]);
    } finally {
      await source.close();
      await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});

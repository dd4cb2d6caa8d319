import { idOf } from './roundtrip.fixture';

/** An input that must be handled: its tables filled by `setup` are preloaded, then `stream` changes them. */
export interface HardInput {
  readonly name: string;
  readonly tables: readonly string[];
  readonly setup: readonly string[];
  /** Rounds; each is applied to its end before the next begins. Each string is one transaction. */
  readonly stream: readonly (readonly string[])[];
}

const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** About `kb` kB that compress badly, so that they are stored out of line. */
const big = (seed: string, kb: number): string => `(SELECT string_agg(md5(${seed}::text || i), '') FROM generate_series(1, ${String(kb * 32)}) i)`;

const SCHEMA = 'Größe. "x" select';
/** Words of it are names of its columns: whatever looks for words in statements must not find them here. */
const TABLE = 'ta.b"le \'日本 $1 c0 :name \\ ?';
/** Names of our own staging and entity columns are among them, on purpose not where we use them. */
const COLUMNS = ['c1', 'c0', 'epoch', 'position', 'select', 'a.b', 'q"q', "s's", '名前', 'UPPER', ' lead', 'back\\slash', 'new\nline', '%s', '?', ':name', '$1', 'k0', 'ord', 'op', 'pos', 'user', 't', 'x', 'ü'.repeat(31)];

const ODD = `${q(SCHEMA)}.${q(TABLE)}`;

const names: HardInput = {
  name: 'names with spaces, dots, quotes, capitals, reserved words and non-Latin letters',
  tables: [idOf(TABLE, SCHEMA)],
  setup: [
    `CREATE SCHEMA ${q(SCHEMA)}`,
    `CREATE TABLE ${ODD} (${COLUMNS.map((c) => `${q(c)} text`).join(', ')}, PRIMARY KEY (${q('epoch')}, ${q('q"q')}))`,
    `INSERT INTO ${ODD} SELECT ${COLUMNS.map((_, i) => `'${String(i)}-' || n`).join(', ')} FROM generate_series(1, 5) n`,
  ],
  stream: [
    [`INSERT INTO ${ODD} SELECT ${COLUMNS.map((_, i) => `'${String(i)}-' || n`).join(', ')} FROM generate_series(6, 9) n`, `UPDATE ${ODD} SET ${COLUMNS.map((c) => `${q(c)} = ${q(c)} || '!'`).join(', ')} WHERE ${q('epoch')} ~ '[27]$'`],
    [`INSERT INTO ${ODD} SELECT ${COLUMNS.map((_, i) => `'${String(i)}-' || n`).join(', ')} FROM generate_series(10, 400) n`, `UPDATE ${ODD} SET ${q('c0')} = 'many'`, `DELETE FROM ${ODD} WHERE ${q('q"q')} ~ '[38]$'`],
  ],
};

const wide: HardInput = {
  name: '200 columns',
  tables: [idOf('wide')],
  setup: [
    `CREATE TABLE wide (id int PRIMARY KEY, ${Array.from({ length: 199 }, (_, i) => `c${String(i)} int`).join(', ')})`,
    `INSERT INTO wide SELECT n, ${Array.from({ length: 199 }, (_, i) => `n * ${String(i)}`).join(', ')} FROM generate_series(1, 300) n`,
  ],
  stream: [['UPDATE wide SET c198 = -c198, c0 = NULL WHERE id < 90', 'UPDATE wide SET c197 = 1', `INSERT INTO wide (id, c100) SELECT n, n FROM generate_series(1000, 1150) n`]],
};

const composite: HardInput = {
  name: 'composite keys of text, timestamp and number',
  tables: [idOf('composite')],
  setup: [
    `CREATE TABLE composite (note text, at timestamptz, name text, n numeric, PRIMARY KEY (name, at, n))`,
    `INSERT INTO composite SELECT 'p' || i, '2024-01-01'::timestamptz + i * interval '1 microsecond', (ARRAY['', 'a', 'A', 'a b', E'\\\\N', E'tab\\t', 'ß', '𝄞', '''"'])[1 + i % 9], i / 3.0 FROM generate_series(1, 500) i`,
    `INSERT INTO composite VALUES ('ends', 'infinity', '', 'NaN'), ('ends', '-infinity', '', '-Infinity'), ('ends', '4714-11-24 BC', 'a', 0)`,
  ],
  stream: [
    [`UPDATE composite SET name = name || 'x' WHERE n < 20`, `UPDATE composite SET note = note || '!' WHERE name LIKE 'a%'`, `DELETE FROM composite WHERE name = E'\\\\N'`],
    [`UPDATE composite SET at = '-infinity', n = 'NaN' WHERE note = 'ends' AND at = 'infinity'`, `UPDATE composite SET at = at + interval '1 microsecond', n = -n`],
  ],
};

const large: HardInput = {
  name: '5 MB values',
  tables: [idOf('large')],
  setup: [`CREATE TABLE large (id int PRIMARY KEY, t text, b bytea, n int)`, `INSERT INTO large VALUES (1, E'\\\\N\\t' || repeat('𝄞 five megabytes ', 262144), decode(repeat('00ff5c0a', 1310720), 'hex'), 1), (2, NULL, '', 2)`],
  stream: [[`UPDATE large SET n = 10 WHERE id = 1`, `UPDATE large SET t = (SELECT t FROM large WHERE id = 1) WHERE id = 2`, `INSERT INTO large SELECT 3, NULL, b, 3 FROM large WHERE id = 1`, `UPDATE large SET id = 4 WHERE id = 1`]],
};

const toastTable = (name: string, identity: string): string[] => [
  `CREATE TABLE ${name} (id numeric PRIMARY KEY, other int NOT NULL, n int, big text, bigger bytea)`,
  `ALTER TABLE ${name} ALTER big SET STORAGE EXTERNAL, ALTER bigger SET STORAGE EXTERNAL`,
  `CREATE UNIQUE INDEX ${name}_other ON ${name} (other)`,
  `ALTER TABLE ${name} REPLICA IDENTITY ${identity}`,
  `INSERT INTO ${name} SELECT i, -i, i, ${big('s.i', 8)}, decode(repeat('00ff', 5000), 'hex') FROM generate_series(1, 12) s(i)`,
];

const toastStream = (name: string): string[][] => [
  [
    `UPDATE ${name} SET n = 100 WHERE id = 1`,
    `UPDATE ${name} SET id = 102, other = -102 WHERE id = 2`,
    `UPDATE ${name} SET id = 103, other = -103, big = 'now small' WHERE id = 3`,
    `UPDATE ${name} SET big = NULL WHERE id = 4; UPDATE ${name} SET n = 5 WHERE id = 4`,
    `INSERT INTO ${name} SELECT 50, -50, 1, big || 'x', bigger FROM ${name} WHERE id = 1; UPDATE ${name} SET n = 2 WHERE id = 50; UPDATE ${name} SET id = 51, other = -51 WHERE id = 50`,
  ],
  // chains and swaps of keys, each change leaving the big values out
  [`UPDATE ${name} SET id = 999, other = 999 WHERE id = 5`, `UPDATE ${name} SET id = 5, other = -5 WHERE id = 6`, `UPDATE ${name} SET id = 6, other = -6 WHERE id = 999`],
  [`BEGIN; DELETE FROM ${name} WHERE id = 7; UPDATE ${name} SET id = 7, other = -7 WHERE id = 8; UPDATE ${name} SET n = -1 WHERE id = 7; COMMIT`, `UPDATE ${name} SET id = id + 1000, other = other - 1000, n = n + 1`, `UPDATE ${name} SET id = id - 1000`],
];

const toasts: readonly HardInput[] = [
  ['DEFAULT', 'toast_default'],
  ['FULL', 'toast_full'],
  ['USING INDEX', 'toast_index'],
].map(([identity = '', name = '']) => ({
  name: `unchanged TOAST columns under updates and key changes, REPLICA IDENTITY ${identity}`,
  tables: [idOf(name)],
  setup: toastTable(name, identity === 'USING INDEX' ? `USING INDEX ${name}_other` : identity),
  stream: toastStream(name),
}));

const equalKeys: HardInput = {
  name: 'updates between equal keys: numeric 1.0 to 1.00, char(n), -0, 1 mon to 30 days',
  tables: ['eq_numeric', 'eq_char', 'eq_float', 'eq_interval', 'eq_icase'].map((name) => idOf(name)),
  setup: [
    `CREATE COLLATION icase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    ...['numeric numeric', 'char char(4)', 'float float8', 'interval interval', 'icase text COLLATE icase'].flatMap((definition) => {
      const [name = '', ...type] = definition.split(' ');
      return [`CREATE TABLE eq_${name} (k ${type.join(' ')} PRIMARY KEY, n int, big text)`, `ALTER TABLE eq_${name} ALTER big SET STORAGE EXTERNAL`];
    }),
    `INSERT INTO eq_numeric VALUES (1.0, 1, ${big("'a'", 8)}), (2.5, 2, ${big("'b'", 8)})`,
    `INSERT INTO eq_char VALUES ('a', 1, ${big("'a'", 8)}), ('b ', 2, 'x')`,
    `INSERT INTO eq_float VALUES (0, 1, ${big("'a'", 8)}), ('NaN', 2, 'x')`,
    `INSERT INTO eq_interval VALUES ('1 mon', 1, ${big("'a'", 8)}), ('1 day', 2, 'x')`,
    `INSERT INTO eq_icase VALUES ('Anna', 1, ${big("'a'", 8)}), ('bob', 2, 'x')`,
  ],
  stream: [
    [`UPDATE eq_numeric SET k = 1.00 WHERE k = 1`, `UPDATE eq_char SET k = 'a   ' WHERE k = 'a'`, `UPDATE eq_float SET k = '-0' WHERE k = 0`, `UPDATE eq_interval SET k = '30 days' WHERE k = '1 mon'`, `UPDATE eq_icase SET k = 'ANNA' WHERE k = 'anna'`],
    [`UPDATE eq_numeric SET k = 1.000, n = 7 WHERE k = 1; UPDATE eq_numeric SET k = 1 WHERE k = 1; UPDATE eq_numeric SET k = 3.10 WHERE k = 1; UPDATE eq_numeric SET k = 3.1 WHERE k = 3.1`, `UPDATE eq_interval SET k = '720:00:00' WHERE k = '30 days'; UPDATE eq_interval SET k = '1 mon' WHERE k = '1 mon'`, `UPDATE eq_icase SET k = 'anna', n = 9 WHERE k = 'ANNA'; UPDATE eq_icase SET k = 'BOB' WHERE k = 'bob'`],
    [`DELETE FROM eq_numeric WHERE k = 2.50; INSERT INTO eq_numeric VALUES (2.500, 3, 'again')`, `DELETE FROM eq_icase WHERE k = 'Bob'; INSERT INTO eq_icase VALUES ('bOb', 3, 'again')`, `DELETE FROM eq_float WHERE k = 0`],
  ],
};

const truncates: HardInput = {
  name: 'TRUNCATE, also with rows before and after it in one transaction',
  tables: ['trunc_a', 'trunc_b', 'trunc_c'].map((name) => idOf(name)),
  setup: ['a', 'b', 'c'].flatMap((name) => [`CREATE TABLE trunc_${name} (id int PRIMARY KEY, t text)`, `INSERT INTO trunc_${name} SELECT i, 'x' FROM generate_series(1, 50) i`]),
  stream: [
    [`TRUNCATE trunc_a`, `BEGIN; INSERT INTO trunc_b VALUES (100, 'gone'); TRUNCATE trunc_b; INSERT INTO trunc_b SELECT i, 'new' FROM generate_series(1, 5) i; COMMIT`, `TRUNCATE trunc_c RESTART IDENTITY CASCADE`, `INSERT INTO trunc_c VALUES (1, 'after')`],
    [`INSERT INTO trunc_a VALUES (1, 'again')`, `BEGIN; TRUNCATE trunc_a, trunc_b; INSERT INTO trunc_a SELECT i, 'many' FROM generate_series(1, 300) i; TRUNCATE trunc_a; INSERT INTO trunc_a VALUES (7, 'last'); COMMIT`, `UPDATE trunc_c SET t = 'more'`],
  ],
};

const empties: HardInput = {
  name: 'empty tables, with and without rows later, and a table of its key alone',
  tables: ['empty_ever', 'empty_first', 'empty_key'].map((name) => idOf(name)),
  setup: ['CREATE TABLE empty_ever (id int PRIMARY KEY)', 'CREATE TABLE empty_first (id int PRIMARY KEY, t text)', 'CREATE TABLE empty_key (a text, b int, PRIMARY KEY (b, a))'],
  stream: [[`INSERT INTO empty_first VALUES (1, NULL), (2, '')`, `INSERT INTO empty_key VALUES ('', 1), ('x', 1)`], [`UPDATE empty_key SET a = 'y' WHERE a = 'x'`, `UPDATE empty_key SET b = b`, `DELETE FROM empty_first WHERE id = 1`]],
};

const partitions: HardInput = {
  name: 'partitioned tables, rows that move between partitions, partitions added later and of another column order',
  tables: [idOf('part')],
  setup: [
    `CREATE TABLE part (id int, region text, big text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)`,
    `CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu')`,
    `CREATE TABLE "part us" (big text, dropped int, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region))`,
    `ALTER TABLE "part us" DROP COLUMN dropped; ALTER TABLE "part us" ALTER big SET STORAGE EXTERNAL; ALTER TABLE part ATTACH PARTITION "part us" FOR VALUES IN ('us')`,
    `CREATE TABLE part_rest PARTITION OF part DEFAULT PARTITION BY HASH (id)`,
    `CREATE TABLE part_rest_0 PARTITION OF part_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE part_rest_1 PARTITION OF part_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
    `INSERT INTO part SELECT s.i, (ARRAY['eu', 'us', 'asia'])[1 + s.i % 3], ${big('s.i', 4)} FROM generate_series(1, 60) s(i)`,
  ],
  stream: [
    [`UPDATE part SET region = 'us' WHERE region = 'eu' AND id < 20`, `UPDATE part SET region = 'africa' WHERE id % 5 = 0`, `UPDATE part SET id = id + 100 WHERE region = 'us'`, `DELETE FROM part WHERE id % 7 = 0`],
    [`CREATE TABLE part_mars PARTITION OF part FOR VALUES IN ('mars'); INSERT INTO part VALUES (1, 'mars', 'x')`, `UPDATE part SET region = 'mars' WHERE region = 'us' AND id % 2 = 0`, `UPDATE part SET big = 'short' WHERE region = 'mars'`],
    [`BEGIN; TRUNCATE part; INSERT INTO part VALUES (1, 'eu', 'after'), (2, 'moon', NULL); COMMIT`],
  ],
};

const generated: HardInput = {
  name: 'stored generated columns and identity columns',
  tables: [idOf('gen')],
  setup: [
    `CREATE TABLE gen (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a numeric, twice numeric GENERATED ALWAYS AS (a * 2) STORED, t text, upper text GENERATED ALWAYS AS (coalesce(upper(t), 'none')) STORED)`,
    `INSERT INTO gen (a, t) VALUES (1.50, 'x'), (NULL, NULL), ('NaN', '')`,
  ],
  stream: [[`INSERT INTO gen (a, t) VALUES (2, 'ß')`, `UPDATE gen SET a = a + 1`, `UPDATE gen SET t = NULL WHERE id = 1`, `ALTER TABLE gen REPLICA IDENTITY FULL; DELETE FROM gen WHERE id = 3`]],
};

const collated: HardInput = {
  name: 'text keys under a collation that is not bytewise',
  tables: [idOf('collated')],
  setup: [
    `CREATE TABLE collated (k text COLLATE "en-US-x-icu" PRIMARY KEY, n int)`,
    `INSERT INTO collated SELECT w || i, i FROM generate_series(1, 40) i, unnest(ARRAY['a', 'A', 'ä', 'b-', ' B', 'z', 'Ж', '日']) w`,
  ],
  stream: [[`UPDATE collated SET k = k || '~' WHERE n % 10 = 0`, `DELETE FROM collated WHERE n = 7`, `INSERT INTO collated VALUES ('', 0), ('á', 0), (E'a\\u0301', 0)`]],
};

export const HARD_INPUTS: readonly HardInput[] = [names, wide, composite, large, ...toasts, equalKeys, truncates, empties, partitions, generated, collated];

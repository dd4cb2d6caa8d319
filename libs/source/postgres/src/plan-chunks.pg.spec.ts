import { chunksContract, type KeyCase } from '@elstream/testing';
import { HARNESS } from './source-fixture.fixture';

const CASES: readonly KeyCase[] = [
  { name: 'bigint extremes', columns: 'k int8', key: 'k', rows: 'SELECT i * 1000003 FROM generate_series(-500, 500) i', later: 'VALUES (-9223372036854775808), (9223372036854775807), (1)' },
  { name: 'composite of int and text', columns: 'a int, b text', key: 'a, b', rows: `SELECT i % 7, 'x' || i FROM generate_series(1, 1000) i`, later: `VALUES (-1, ''), (3, 'aaa'), (99, 'zzz'), (3, 'zzz')` },
  {
    name: 'three columns with one value in the first',
    columns: 'a int, b timestamptz, c uuid',
    key: 'a, b, c',
    rows: `SELECT 1, '2020-01-01'::timestamptz + (i % 3) * interval '1 us', md5(i::text)::uuid FROM generate_series(1, 700) i`,
    later: `VALUES (1, 'infinity'::timestamptz, gen_random_uuid()), (0, '-infinity', gen_random_uuid()), (1, '2020-01-01', gen_random_uuid())`,
  },
  { name: 'text with quotes and letters of many scripts', columns: 'k text', key: 'k', rows: `SELECT chr(33 + (i * 37) % 900) || E'\\'\\\\' || i FROM generate_series(1, 900) i`, later: `VALUES (''), (E'\\t\\n'), ('😀'), ('mm')` },
  {
    name: 'text under an ICU collation',
    columns: 'k text COLLATE "de-x-icu"',
    key: 'k',
    rows: `SELECT (ARRAY['ä', 'Ä', 'a', 'A', 'ß', 'ss', 'z', '-'])[1 + i % 8] || (ARRAY['b', 'B', ' b', '-b'])[1 + (i / 8) % 4] || i / 32 FROM generate_series(0, 999) i`,
    later: `VALUES ('Äa'), ('aÄ'), ('')`,
  },
  {
    name: 'text under a nondeterministic collation',
    setup: `CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    columns: 'k text COLLATE ci',
    key: 'k',
    rows: `SELECT (CASE WHEN i % 2 = 0 THEN 'K' ELSE 'k' END) || i FROM generate_series(1, 900) i`,
    later: `VALUES ('A'), ('z'), ('K5x')`,
  },
  { name: 'char(n)', columns: 'k char(6)', key: 'k', rows: `SELECT i::text FROM generate_series(1, 900) i`, later: `VALUES (''), ('5 5'), ('zz')` },
  { name: 'uuid', columns: 'k uuid', key: 'k', rows: `SELECT md5(i::text)::uuid FROM generate_series(1, 900) i`, later: `VALUES ('00000000-0000-0000-0000-000000000000'::uuid), ('ffffffff-ffff-ffff-ffff-ffffffffffff')` },
  {
    name: 'timestamps with infinities and years before Christ',
    columns: 'k timestamp',
    key: 'k',
    rows: `SELECT '0001-01-01'::timestamp - interval '1 year' * 500 + i * interval '3 years 1 us' FROM generate_series(1, 900) i UNION ALL VALUES ('infinity'::timestamp), ('-infinity')`,
    later: `VALUES ('294276-12-31 23:59:59.999999'::timestamp), ('4713-01-01 BC')`,
  },
  { name: 'numeric with NaN and infinities', columns: 'k numeric', key: 'k', rows: `SELECT i / 7.0 FROM generate_series(-400, 400) i UNION ALL VALUES ('NaN'::numeric), ('Infinity'), ('-Infinity')`, later: `VALUES (1e300), (-1e-300)` },
  { name: 'float with NaN, infinities and the smallest', columns: 'k float8', key: 'k', rows: `SELECT i / 7.0::float8 FROM generate_series(-400, 400) i UNION ALL VALUES ('NaN'::float8), ('Infinity'), ('-Infinity'), (5e-324)`, later: `VALUES (1e308::float8), (-5e-324)` },
  {
    name: 'an enum with a domain',
    setup: `CREATE TYPE mood AS ENUM ('zeta', 'alpha', 'mid'); CREATE DOMAIN small AS numeric(6,2) CHECK (VALUE < 1000)`,
    columns: 'a mood, b small',
    key: 'a, b',
    rows: `SELECT m, i / 4.0 FROM unnest(enum_range(NULL::mood)) m, generate_series(1, 300) i`,
    later: `VALUES ('alpha'::mood, -1), ('mid', 999.99)`,
  },
  { name: 'bytea and boolean', columns: 'a bool, b bytea', key: 'a, b', rows: `SELECT i % 2 = 0, decode(md5(i::text), 'hex') FROM generate_series(1, 900) i`, later: `VALUES (true, ''::bytea), (false, '\\xffffffffffffffffffffffffffffffffff')` },
  {
    name: 'an int and a type of an extension, whose order is its own',
    setup: 'CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext',
    columns: 'a int, b ext.citext',
    key: 'a, b',
    rows: `SELECT i % 3, (CASE WHEN i % 2 = 0 THEN 'K' ELSE 'k' END) || i FROM generate_series(1, 900) i`,
    later: `VALUES (0, 'A'), (1, 'z'), (1, 'K5x')`,
  },
  { name: 'an array', columns: 'k int[]', key: 'k', rows: `SELECT ARRAY[i % 10, i] FROM generate_series(1, 900) i`, later: `VALUES (ARRAY[]::int[]), (ARRAY[99]), (ARRAY[NULL::int])` },
];

chunksContract(HARNESS, CASES);

import { chunksContract, describeWith, type KeyCase } from '@elstream/testing';
import { HARNESS, numbers } from './source-fixture.fixture';

const CASES: readonly KeyCase[] = [
  { name: 'bigint extremes', columns: 'k bigint', key: 'k', rows: `SELECT CONVERT(bigint, i - 500) * 1000003 FROM ${numbers(1000)}`, later: `SELECT CONVERT(bigint, '-9223372036854775808') UNION ALL SELECT 9223372036854775807 UNION ALL SELECT 1` },
  { name: 'composite of int and text', columns: 'a int, b varchar(20)', key: 'a, b', rows: `SELECT i % 7, CONCAT('x', i) FROM ${numbers(1000)}`, later: `VALUES (-1, ''), (3, 'aaa'), (99, 'zzz'), (3, 'zzz')` },
  {
    name: 'three columns with one value in the first',
    columns: 'a int, b datetime2(7), c uniqueidentifier',
    key: 'a, b, c',
    rows: `SELECT 1, DATEADD(nanosecond, 100 * (i % 3), CONVERT(datetime2(7), '2020-01-01')), CONVERT(uniqueidentifier, HASHBYTES('MD5', CONVERT(varchar(20), i))) FROM ${numbers(700)}`,
    later: `VALUES (1, '9999-12-31 23:59:59.9999999', NEWID()), (0, '0001-01-01', NEWID()), (1, '2020-01-01', NEWID())`,
  },
  { name: 'composite of text that tells no case, and int', columns: 'a varchar(5) COLLATE Latin1_General_CI_AS, b int', key: 'a, b', rows: `SELECT CHOOSE(1 + i % 4, 'eu', 'EU', 'us', 'Us'), i FROM ${numbers(900)}`, later: `VALUES ('Eu', -1), ('US', 99999), ('', 0), ('zz', 0)` },
  { name: 'GUIDs, which are ordered from their last bytes', columns: 'k uniqueidentifier', key: 'k', rows: `SELECT CONVERT(uniqueidentifier, HASHBYTES('MD5', CONVERT(varchar(20), i))) FROM ${numbers(900)}`, later: `VALUES ('00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff')` },
  {
    name: 'text under a collation that tells no case',
    columns: 'k nvarchar(40) COLLATE Latin1_General_CI_AS',
    key: 'k',
    rows: `SELECT CONCAT(CASE WHEN i % 2 = 0 THEN N'K' ELSE N'k' END, i) FROM ${numbers(900)}`,
    later: `VALUES (N'A'), (N'z'), (N'K5x'), (N'ä'), (N'')`,
  },
  {
    name: 'text of a code page with an accent-blind order',
    columns: 'k varchar(40) COLLATE SQL_Latin1_General_CP1_CI_AI',
    key: 'k',
    rows: `SELECT CONCAT(CHOOSE(1 + i % 4, 'z', 'o''', '-', 'ss'), CHOOSE(1 + (i / 4) % 3, ' b', '-b', 'B'), i) FROM ${numbers(900)}`,
    later: `VALUES ('Öa'), (''), ('qq')`,
  },
  { name: 'text compared bytewise', columns: 'k nvarchar(40) COLLATE Latin1_General_100_BIN2', key: 'k', rows: `SELECT CONCAT(NCHAR(161 + (i * 37) % 700), N'''', i) FROM ${numbers(900)}`, later: `VALUES (N''), (N'😀'), (N'mm')` },
  { name: 'char(n)', columns: 'k char(6)', key: 'k', rows: `SELECT CONVERT(char(6), i) FROM ${numbers(900)}`, later: `VALUES (''), ('5 5'), ('zz')` },
  { name: 'decimal and money', columns: 'a decimal(38,4), b money', key: 'a, b', rows: `SELECT CONVERT(decimal(38,4), (i - 450) / 7.0), CONVERT(money, i / 3.0) FROM ${numbers(900)}`, later: `VALUES (9999999999999999999999999999999999.9999, 922337203685477.5807), (0.0001, -0.0001)` },
  { name: 'datetimeoffset, whose order is that of instants', columns: 'k datetimeoffset(7)', key: 'k', rows: `SELECT TODATETIMEOFFSET(DATEADD(minute, 97 * i, CONVERT(datetime2(7), '1969-12-01')), 30 * (i % 40) - 600) FROM ${numbers(900)}`, later: `VALUES ('9999-12-31 23:59:59.9999999 +14:00'), ('0001-01-01 00:00:00 -14:00')` },
  { name: 'time and bit', columns: 'a time(7), b bit', key: 'a, b', rows: `SELECT DATEADD(millisecond, 7 * i, CONVERT(time(7), '00:00:00')), i % 2 FROM ${numbers(900)}`, later: `VALUES ('23:59:59.9999', 1), ('00:00:00', 0)` },
];

const TICKS: KeyCase = { name: 'datetime of its own ticks, and date', columns: 'a datetime, b date', key: 'a, b', rows: `SELECT DATEADD(millisecond, 10 * i / 3, CONVERT(datetime, '20180713 11:23:45')), DATEADD(day, i, CONVERT(date, '1900-02-01')) FROM ${numbers(900)}`, later: `VALUES ('17530101', '9999-12-31'), ('99991231 23:59:59.99', '0001-01-01')` };
const BYTES: KeyCase = { name: 'binary and tinyint', columns: 'a tinyint, b varbinary(20)', key: 'a, b', rows: `SELECT i % 3, HASHBYTES('MD5', CONVERT(varchar(20), i)) FROM ${numbers(900)}`, later: `VALUES (255, 0x), (0, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF)` };

chunksContract(HARNESS, CASES);

describeWith('binary-styles', 'keys of bytes', () => {
  chunksContract(HARNESS, [BYTES]);
});

describeWith('datetime-ticks', 'keys of 300ths of a second', () => {
  chunksContract(HARNESS, [TICKS]);
});

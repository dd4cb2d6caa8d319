import type { ColumnType } from './column-type';
import { isHeldAsItsKind } from './target-kind';

const decimal: ColumnType = { kind: 'decimal', precision: 10, scale: 2 };
const float: ColumnType = { kind: 'float', bits: 64 };
const real: ColumnType = { kind: 'float', bits: 32 };
const timestamp: ColumnType = { kind: 'timestamp', zone: false };
const instant: ColumnType = { kind: 'timestamp', zone: true };

test.each<readonly [ColumnType, string, boolean]>([
  [{ kind: 'boolean' }, 'pg_catalog.bool', true],
  [{ kind: 'boolean' }, 'bit', true],
  [{ kind: 'boolean' }, 'text', false],
  [{ kind: 'integer', bits: 16 }, 'tinyint', true],
  [{ kind: 'integer', bits: 32 }, 'int', true],
  [{ kind: 'integer', bits: 32 }, 'numeric(20,0)', false],
  [decimal, 'pg_catalog.numeric(10,2)', true],
  [decimal, 'decimal(10, 2)', true],
  [decimal, 'nvarchar(max)', false],
  [decimal, 'money', true],
  [float, 'pg_catalog.float8', true],
  [float, 'float(53)', true],
  [float, 'float(24)', false],
  [float, 'float', true],
  [real, 'real', true],
  [real, 'float(24)', true],
  [real, 'float8', false],
  [{ kind: 'binary' }, 'bytea', true],
  [{ kind: 'binary' }, 'varbinary(max)', true],
  [{ kind: 'binary' }, 'binary(8)', true],
  [{ kind: 'uuid' }, 'uniqueidentifier', true],
  [{ kind: 'date' }, 'date', true],
  [{ kind: 'date' }, 'datetime2', false],
  [{ kind: 'time', zone: false }, 'pg_catalog.time(3)', true],
  [{ kind: 'time', zone: true }, 'nvarchar(50)', false],
  [timestamp, 'datetime2(7)', true],
  [timestamp, 'smalldatetime', true],
  [timestamp, 'timestamp(3) without time zone', true],
  [timestamp, 'text', false],
  [instant, 'datetimeoffset(6)', true],
  [instant, 'pg_catalog.timestamptz', true],
  [{ kind: 'json' }, 'jsonb', true],
  [{ kind: 'json' }, 'nvarchar(max)', false],
  [{ kind: 'text', maxLength: 5, padded: false }, 'nvarchar(10)', false],
  [{ kind: 'other' }, 'datetimeoffset(7)', false],
])('%j in a column of type %s is held as its kind: %s', (type, targetType, expected) => {
  expect(isHeldAsItsKind({ type, targetType })).toBe(expected);
});

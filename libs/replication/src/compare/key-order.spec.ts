import type { ColumnType, MappedColumn, TableMapping } from '@elstream/core';
import { ordersKeysAlike } from './key-order';

const text: ColumnType = { kind: 'text', maxLength: null, padded: false };
const integer: ColumnType = { kind: 'integer', bits: 64 };

function keyed(...key: readonly (readonly [type: ColumnType, targetType: string, native?: string])[]): TableMapping {
  const columns = key.map(([type, targetType, native], i): MappedColumn => ({ source: `k${String(i)}`, target: `k${String(i)}`, type, targetType, ...(native === undefined ? {} : { native }), nullable: false, mask: null }));
  const name = { schema: 'public', name: 't' };
  return { id: 'public.t', source: name, target: name, columns, key: columns.map((_, i) => i), chunkRows: 100 };
}

test.each([
  ['integers', keyed([integer, 'bigint']), true],
  ['integers by the name of the catalog', keyed([integer, 'pg_catalog.int8']), true],
  ['integers kept in another width', keyed([{ kind: 'integer', bits: 32 }, 'numeric(20,0)']), true],
  ['integers kept as text, where 10 comes before 9', keyed([integer, 'text']), false],
  ['decimals', keyed([{ kind: 'decimal', precision: 10, scale: 2 }, 'numeric(10,2)']), true],
  ['uuids', keyed([{ kind: 'uuid' }, 'uuid']), true],
  ['dates', keyed([{ kind: 'date' }, 'date']), true],
  ['timestamps', keyed([{ kind: 'timestamp', zone: true }, 'timestamp(3) with time zone']), true],
  ['timestamps kept without their zone', keyed([{ kind: 'timestamp', zone: true }, 'timestamp without time zone']), false],
  ['booleans and bytes', keyed([{ kind: 'boolean' }, 'boolean'], [{ kind: 'binary' }, 'bytea']), true],
  ['integers of SQL Server', keyed([integer, 'pg_catalog.int8', 'bigint']), true],
  ['integers on SQL Server', keyed([{ kind: 'integer', bits: 32 }, 'int', 'integer']), true],
  ['uuids of PostgreSQL', keyed([{ kind: 'uuid' }, 'pg_catalog.uuid', 'uuid']), true],
  ['GUIDs of SQL Server', keyed([{ kind: 'uuid' }, 'uniqueidentifier', 'uniqueidentifier']), true],
  ['uuids on SQL Server, which begins at their end', keyed([{ kind: 'uuid' }, 'uniqueidentifier', 'uuid']), false],
  ['GUIDs on PostgreSQL', keyed([{ kind: 'uuid' }, 'pg_catalog.uuid', 'uniqueidentifier']), false],
  ['bytes on the other product, whose zeros at the end count', keyed([{ kind: 'binary' }, 'varbinary(900)', 'bytea']), false],
  ['bytes of SQL Server on PostgreSQL', keyed([{ kind: 'binary' }, 'pg_catalog.bytea', 'varbinary(16)']), false],
  ['bytes within SQL Server', keyed([{ kind: 'binary' }, 'varbinary(16)', 'varbinary(16)']), true],
  ['instants on SQL Server', keyed([{ kind: 'timestamp', zone: true }, 'datetimeoffset(6)', 'timestamp with time zone']), true],
  ['instants on SQL Server without their zone', keyed([{ kind: 'timestamp', zone: true }, 'datetime2(6)', 'timestamp with time zone']), false],
  ['timestamps of 100 ns kept as text', keyed([{ kind: 'timestamp', zone: false }, 'pg_catalog.text', 'datetime2(7)']), false],
  ['texts on SQL Server', keyed([text, 'nvarchar(450)', 'text']), false],
  ['text, whose collations differ', keyed([text, 'text']), false],
  ['an integer and a text', keyed([integer, 'integer'], [text, 'text']), false],
  ['types of extensions', keyed([{ kind: 'other' }, 'public.citext']), false],
])('keys are ordered alike or not: %s', (_name, mapping, expected) => {
  expect(ordersKeysAlike(mapping)).toBe(expected);
});

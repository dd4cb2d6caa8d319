import type { Product } from '@elstream/core';
import type { EntitySchemaColumnOptions } from 'typeorm';

type Column = Readonly<EntitySchemaColumnOptions>;

/**
 * How the columns of control tables are typed in a product. Properties have the same values in both: bigint as text,
 * uuid in lower case, JSON parsed, times as Date.
 */
export interface ControlColumns {
  /** A name or word; may be part of a key. */
  readonly text: Column;
  /** Words of any length. */
  readonly longText: Column;
  readonly int: Column;
  readonly bigint: Column;
  readonly boolean: Column;
  readonly uuid: Column;
  /** An object or array. */
  readonly json: Column;
  readonly bytes: Column;
  readonly time: Column;
  /** A time that is the server's own when it is not given. */
  readonly now: Column;
}

const postgres: ControlColumns = {
  text: { type: 'text' },
  longText: { type: 'text' },
  int: { type: 'int' },
  bigint: { type: 'bigint' },
  boolean: { type: 'boolean' },
  uuid: { type: 'uuid' },
  json: { type: 'jsonb' },
  bytes: { type: 'bytea' },
  time: { type: 'timestamptz' },
  now: { type: 'timestamptz', default: () => 'now()' },
};

/** The driver gives upper case, PostgreSQL and Node lower. */
const lowerCase = { to: (value: unknown) => value, from: (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : value) };

/** Functions are SQL expressions to TypeORM, and pass. */
const asJson = {
  to: (value: unknown) => (value === null || value === undefined || typeof value === 'function' ? value : JSON.stringify(value)),
  from: (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : value),
};

/**
 * A length is that of parameters, not of the column: one length for all, so that the server keeps one plan per statement,
 * and the longest, so that a text too long for its column gets the server's word for it and not a broken protocol.
 */
const mssql: ControlColumns = {
  text: { type: 'nvarchar', length: '4000' },
  longText: { type: 'nvarchar', length: 'max' },
  int: { type: 'int' },
  bigint: { type: 'bigint' },
  boolean: { type: 'bit' },
  uuid: { type: 'uniqueidentifier', transformer: lowerCase },
  json: { type: 'nvarchar', length: 'max', transformer: asJson },
  bytes: { type: 'varbinary', length: 'max' },
  time: { type: 'datetimeoffset' },
  now: { type: 'datetimeoffset', default: () => 'SYSUTCDATETIME()' },
};

export const controlColumns: Readonly<Record<Product, ControlColumns>> = { postgres, mssql };

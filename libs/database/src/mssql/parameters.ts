import * as mssql from 'mssql';
import type { ISqlType } from 'mssql';

/** A value bound to `@name`, exactly typed: a guessed type would convert a column in place of the value, and miss its index. */
export interface MssqlParam {
  readonly type: ISqlType;
  readonly value: unknown;
}

export type MssqlParams = Readonly<Record<string, MssqlParam>>;

const of = (type: ISqlType, value: unknown): MssqlParam => ({ type, value });

/** Typed parameters. Lists of values are one JSON text (`json`): the server takes 2,100 parameters. */
export const t = {
  int: (value: number | null): MssqlParam => of(mssql.Int(), value),
  /** As text to the driver, which would round a number beyond 2^53. */
  bigint: (value: bigint | number | string | null): MssqlParam => of(mssql.BigInt(), value === null ? null : value.toString()),
  bit: (value: boolean | null): MssqlParam => of(mssql.Bit(), value),
  float: (value: number | null): MssqlParam => of(mssql.Float(), value),
  /** @param length in UTF-16 units, at most 4000; absent: max */
  nvarchar: (value: string | null, length?: number): MssqlParam => of(length === undefined ? mssql.NVarChar(mssql.MAX) : mssql.NVarChar(length), value),
  /** @param length in bytes, at most 8000; absent: max */
  varbinary: (value: Uint8Array | null, length?: number): MssqlParam =>
    of(length === undefined ? mssql.VarBinary(mssql.MAX) : mssql.VarBinary(length), value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
  uuid: (value: string | null): MssqlParam => of(mssql.UniqueIdentifier(), value),
  /** Any value as JSON in nvarchar(max), for OPENJSON. */
  json: (value: unknown): MssqlParam => of(mssql.NVarChar(mssql.MAX), JSON.stringify(value)),
  typed: of,
} as const;

import type { ISqlType } from 'mssql';
import { driver } from './driver';
import { exactFloat } from './exact-float';

/** A value bound to `@name`, exactly typed: a guessed type would convert a column in place of the value, and miss its index. */
export interface MssqlParam {
  readonly type: ISqlType;
  readonly value: unknown;
}

export type MssqlParams = Readonly<Record<string, MssqlParam>>;

const of = (type: ISqlType, value: unknown): MssqlParam => ({ type, value });

/** Typed parameters. Lists of values are one JSON text (`json`): the server takes 2,100 parameters. */
export const t = {
  int: (value: number | null): MssqlParam => of(driver().Int(), value),
  /** As text to the driver, which would round a number beyond 2^53. */
  bigint: (value: bigint | number | string | null): MssqlParam => of(driver().BigInt(), value === null ? null : value.toString()),
  bit: (value: boolean | null): MssqlParam => of(driver().Bit(), value),
  float: (value: number | null): MssqlParam => of(exactFloat(64), value),
  /** @param length in UTF-16 units, at most 4000; absent: max */
  nvarchar: (value: string | null, length?: number): MssqlParam => of(length === undefined ? driver().NVarChar(driver().MAX) : driver().NVarChar(length), value),
  /** @param length in bytes, at most 8000; absent: max */
  varbinary: (value: Uint8Array | null, length?: number): MssqlParam =>
    of(length === undefined ? driver().VarBinary(driver().MAX) : driver().VarBinary(length), value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
  uuid: (value: string | null): MssqlParam => of(driver().UniqueIdentifier(), value),
  /** Any value as JSON in nvarchar(max), for OPENJSON. */
  json: (value: unknown): MssqlParam => of(driver().NVarChar(driver().MAX), JSON.stringify(value)),
  typed: of,
} as const;

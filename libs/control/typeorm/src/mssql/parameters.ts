import { t, type MssqlParam } from '@elstream/database';
import { MssqlParameter } from 'typeorm';

/** The driver's word for nvarchar(max). */
const MAX = 65_535;

/** Parameters of exactly these types: a guessed one would convert a column in place of the value, and miss its index. */
export const text = (value: string | null): MssqlParameter => new MssqlParameter(value, 'nvarchar', 4_000);
export const longText = (value: string | null): MssqlParameter => new MssqlParameter(value, 'nvarchar', MAX);
export const json = (value: unknown): MssqlParameter => longText(JSON.stringify(value));
export const int = (value: number | null): MssqlParameter => new MssqlParameter(value, 'int');
export const bigint = (value: number | string | null): MssqlParameter => new MssqlParameter(value === null ? null : String(value), 'bigint');
export const uuid = (value: string): MssqlParameter => new MssqlParameter(value, 'uniqueidentifier');
export const bit = (value: boolean): MssqlParameter => new MssqlParameter(value, 'bit');

/** The same for statements that do not go by TypeORM. */
export function bound({ value, type, params: [length] }: MssqlParameter): MssqlParam {
  switch (type) {
    case 'nvarchar':
      return length === MAX ? t.nvarchar(value as string | null) : t.nvarchar(value as string | null, length as number);
    case 'int':
      return t.int(value as number | null);
    case 'bigint':
      return t.bigint(value as string | null);
    case 'uniqueidentifier':
      return t.uuid(value as string);
    case 'bit':
      return t.bit(value as boolean);
    default:
      throw new RangeError(`no parameter of type ${type} is bound`);
  }
}

import type { ISqlType } from 'mssql';
import { ownType } from './driver-type';

const BIGVARCHR = 0xa7;
const NULL_LENGTH = 0xffff;

/**
 * `varchar(length)` of ASCII alone, which every code page has at the same bytes. The driver's own type looks up the code page
 * of the database's collation, and fails every row of one that is not in its list.
 */
export function asciiText(length: number): ISqlType {
  return ownType<Buffer>({
    id: BIGVARCHR,
    type: 'BIGVARCHR',
    name: 'VarChar',
    maximumLength: 8000,
    declaration: () => `varchar(${String(length)})`,
    resolveLength: () => length,
    generateTypeInfo: ({ collation }) => {
      const info = Buffer.alloc(8);
      info.writeUInt8(BIGVARCHR, 0);
      info.writeUInt16LE(length, 1);
      collation?.toBuffer().copy(info, 3, 0, 5);
      return info;
    },
    generateParameterLength: ({ value }) => {
      const size = Buffer.alloc(2);
      size.writeUInt16LE(value?.length ?? NULL_LENGTH, 0);
      return size;
    },
    *generateParameterData({ value }) {
      if (value !== null) yield value;
    },
    validate: (value) => {
      if (value === null || value === undefined) return null;
      if (typeof value !== 'string' || value.length > length || !/^[ -~]*$/.test(value)) throw new TypeError(`not a text of ${String(length)} ASCII characters at most`);
      return Buffer.from(value, 'latin1');
    },
  });
}

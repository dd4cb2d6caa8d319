import type { ISqlType } from 'mssql';
import { ownType } from './driver-type';

/** TDS's FLTN, of 4 or of 8 bytes; a length of 0 is NULL. */
const FLTN = 0x6d;

/**
 * `float` or `real`, sent bit by bit. The driver's own types take a number by way of its text, in which -0 is 0.
 */
export function exactFloat(bits: 32 | 64): ISqlType {
  const bytes = bits / 8;
  return ownType<number>({
    ...(bits === 32 ? { id: 0x3b, type: 'FLT4', name: 'Real' } : { id: 0x3e, type: 'FLT8', name: 'Float' }),
    declaration: () => (bits === 32 ? 'real' : 'float'),
    generateTypeInfo: () => Buffer.from([FLTN, bytes]),
    generateParameterLength: ({ value }) => Buffer.from([value === null ? 0 : bytes]),
    *generateParameterData({ value }) {
      if (value === null) return;
      const data = Buffer.alloc(bytes);
      if (bits === 32) data.writeFloatLE(value);
      else data.writeDoubleLE(value);
      yield data;
    },
    validate: (value) => {
      if (value === null || value === undefined) return null;
      if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('not a finite number');
      return value;
    },
  });
}

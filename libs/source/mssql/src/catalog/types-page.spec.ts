import { typeSamples } from '@elstream/config';
import { describeType } from './column-type';

const BYTES: Readonly<Record<string, number>> = { nchar: 2, nvarchar: 2 };
/** As sys.columns has a column of the type. */
function catalogType(native: string) {
  const [, base = native, modifiers = ''] = /^(\w+)(?:\(([^)]*)\))?$/.exec(native) ?? [];
  const [first, second = '0'] = modifiers.split(',');
  if (base === 'rowversion') return { base: 'timestamp', maxLength: 8, precision: 0, scale: 0 };
  const maxLength = first === 'max' ? -1 : Number(first) * (BYTES[base] ?? 1);
  return /^(?:time|datetime2|datetimeoffset)$/.test(base) ? { base, maxLength: 8, precision: 0, scale: Number(first) } : { base, maxLength, precision: Number(first), scale: Number(second) };
}

// sysname stands there for alias types, which the catalog has resolved before.
test.each(typeSamples.mssql.filter(({ column }) => column.native !== 'sysname').map(({ column }) => [column.native, column] as const))('docs/types.md says of %s what the catalog does', (native, { type, portable }) => {
  expect(describeType(catalogType(native))).toEqual({ type, native, portable, refusal: null });
});

import { asciiText } from './ascii-text';

interface Written {
  validate: (value: unknown) => Buffer | null;
  declaration: () => string;
  generateTypeInfo: (column: { collation?: { toBuffer: () => Buffer } }) => Buffer;
  generateParameterLength: (parameter: { value: Buffer | null }) => Buffer;
  generateParameterData: (parameter: { value: Buffer | null }) => Iterable<Buffer>;
}

const typeOf = (length: number): Written => asciiText(length).type as unknown as Written;

/** As the driver writes a value of a bulk load: checked, then its length, then its bytes. */
function written(length: number, value: unknown): string {
  const type = typeOf(length);
  const checked = type.validate(value);
  return Buffer.concat([type.generateParameterLength({ value: checked }), ...type.generateParameterData({ value: checked })]).toString('latin1');
}

describe('texts of ASCII on their way to SQL Server', () => {
  it.each<[number, unknown, string]>([
    [20, '-9223372036854775808', '\x14\0-9223372036854775808'],
    [1, '', '\0\0'],
    [36, null, '\xff\xff'],
    [36, undefined, '\xff\xff'],
  ])('of %i at most: %j is its length and a byte a character', (length, value, bytes) => {
    expect(written(length, value)).toBe(bytes);
  });

  it('take whatever collation the connection has, also one the driver knows no code page of', () => {
    const collation = { toBuffer: () => Buffer.from([0x3a, 0x04, 0xd0, 0, 0x34]) };
    expect(typeOf(37).generateTypeInfo({ collation }).toString('hex')).toBe('a725003a04d00034');
    expect(typeOf(37).declaration()).toBe('varchar(37)');
  });

  it.each(['é', 'ab', 1, Buffer.from('a'), '\0'])('are refused if they are none, or too long: %j', (value) => {
    expect(() => written(1, value)).toThrow(TypeError);
  });
});

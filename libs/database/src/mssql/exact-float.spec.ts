import { Request } from 'mssql';
import { exactFloat } from './exact-float';
import { t } from './parameters';

/** As the driver writes a value of a bulk load or of a parameter: checked, then its length, then its bytes. */
function written(bits: 32 | 64, value: unknown): string {
  const type = exactFloat(bits).type as unknown as {
    validate: (value: unknown) => number | null;
    generateParameterLength: (parameter: { value: number | null }) => Buffer;
    generateParameterData: (parameter: { value: number | null }) => Iterable<Buffer>;
  };
  const checked = type.validate(value);
  return Buffer.concat([type.generateParameterLength({ value: checked }), ...type.generateParameterData({ value: checked })]).toString('hex');
}

describe('floats on their way to SQL Server', () => {
  it.each([
    [64, -0, '080000000000000080'],
    [64, 0, '080000000000000000'],
    [64, 5e-324, '080100000000000000'],
    [64, -Number.MAX_VALUE, '08ffffffffffffefff'],
    [32, -0, '0400000080'],
    [32, Math.fround(0.1), '04cdcccc3d'],
    [32, null, '00'],
    [64, undefined, '00'],
  ] as const)('of %i bits: %p is the bytes it has', (bits, value, bytes) => {
    expect(written(bits, value)).toBe(bytes);
  });

  it.each([NaN, Infinity, '1', true])('are refused if they are none: %p', (value) => {
    expect(() => written(64, value)).toThrow(TypeError);
  });

  it('pass through node-mssql as they are', () => {
    const { type, value } = t.float(-0);
    const request = new Request().input('x', type, value);
    expect(Object.is((request.parameters['x'] as { value: unknown }).value, -0)).toBe(true);
    expect((request.parameters['x'] as unknown as { type: { declaration: () => string } }).type.declaration()).toBe('float');
  });
});

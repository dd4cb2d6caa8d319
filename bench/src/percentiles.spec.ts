import { percentile } from './percentiles';

const HUNDRED = Array.from({ length: 100 }, (_, i) => 100 - i);

describe('percentile', () => {
  it.each([
    [HUNDRED, 50, 50],
    [HUNDRED, 99, 99],
    [HUNDRED, 100, 100],
    [[7], 50, 7],
    [[1, 2], 50, 1],
    [[1, 2], 51, 2],
    [[10, 9], 100, 10],
  ])('of %j at %d is the nearest rank, %d', (values, p, wanted) => expect(percentile(values, p)).toBe(wanted));

  it('of nothing is no number', () => expect(percentile([], 50)).toBeNaN());
});

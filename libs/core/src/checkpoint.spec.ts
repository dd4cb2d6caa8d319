import { DIRECT_PARTITION, hasPassedDirect, partitionLane } from './checkpoint';
import { at } from './core.fixture';
import { StreamOffset } from './position';

describe('a direct stream has passed a position', () => {
  it.each<[string, readonly [number, number], number, boolean]>([
    ['not while its next event is in a transaction below', [9, 0], 10, false],
    ['not in the middle of a transaction below', [9, 7], 10, false],
    ['not in the middle of a transaction that commits at it', [10, 1], 10, false],
    ['at it, with nothing of a transaction pending', [10, 0], 10, true],
    ['above it', [11, 0], 10, true],
    ['above it, in the middle of a later transaction', [11, 3], 10, true],
    ['above it, across a byte border', [256, 0], 255, true],
    ['not below it, across a byte border', [255, 9], 256, false],
  ])('%s', (_what, [next, index], position, passed) => {
    expect(hasPassedDirect(StreamOffset.direct(at(next), index), at(position))).toBe(passed);
  });
});

describe('the lane of a partition', () => {
  it.each([[DIRECT_PARTITION, 0], ['inv.public.customers-2', 2], ['inv.public.customers-10', 10], ['inv.public.t-1-12', 12], ['odd', 0]])('of %s is %i', (partition, lane) => {
    expect(partitionLane(partition)).toBe(lane);
  });
});

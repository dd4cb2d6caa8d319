import { DIRECT_PARTITION, LogPosition, StreamOffset, type Checkpoint } from '@elstream/core';
import { gapBelow } from './slot-gap';

const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 8);
const checkpoint = (n: number, index = 0): Checkpoint => ({ pipeline: 'shop', partition: DIRECT_PARTITION, generation: 1, next: StreamOffset.direct(at(n), index), highest: null, counter: null });

describe('a slot and the checkpoint', () => {
  it.each([
    ['no gap while the slot stands below', at(90), [checkpoint(100)], null],
    ['none where it stands exactly there', at(100), [checkpoint(100)], null],
    ['none in the middle of a transaction', at(100), [checkpoint(100, 7)], null],
    ['none before the first checkpoint', at(100), [], null],
    ['none where nothing was acknowledged', null, [checkpoint(100)], null],
    ['a gap where somebody else moved the slot on', at(101), [checkpoint(100, 7)], /somebody else read.* above the checkpoint/],
  ])('%s', (_name, confirmed, checkpoints, expected) => {
    const gap = gapBelow(confirmed, checkpoints);
    if (expected === null) expect(gap).toBeNull();
    else expect(gap).toMatch(expected);
  });
});

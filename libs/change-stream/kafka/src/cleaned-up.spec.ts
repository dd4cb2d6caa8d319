import { LogPosition } from '@elstream/core';
import { cleanedUp } from './cleaned-up';

const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 10);

describe('what the clean-up of SQL Server took', () => {
  it.each([
    ['below what is left', { position: at(16), complete: true }, true],
    ['at what is left, in the middle of it', { position: at(17), complete: false }, false],
    ['at what is left', { position: at(17), complete: true }, false],
    ['above it', { position: at(18), complete: true }, false],
    ['nowhere yet', { position: LogPosition.ZERO, complete: true }, false],
  ])('is a gap exactly where it overtook the connector: it stands %s', (_where, committed, gap) => {
    const found = cleanedUp(committed, at(17), 'c');
    if (gap) expect(found).toContain('sp_cdc_change_job');
    else expect(found).toBeNull();
  });
});

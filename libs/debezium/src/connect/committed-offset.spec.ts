import { LogPosition } from '@elstream/core';
import { committedOffset, hasPassed } from './committed-offset';
import { type SourceOffset } from './connect-types';
import { parseLossless, stringifyLossless } from './lossless-json';

const of = (...offsets: string[]): readonly SourceOffset[] => parseLossless(`[${offsets.map((offset) => `{"partition":{"server":"p"},"offset":${offset}}`).join(',')}]`) as unknown as SourceOffset[];
const pg = (lsn: bigint): LogPosition => LogPosition.fromBigInt(lsn, 8);
const LSN = '0000002a:00000f30:0003';
const at = LogPosition.parse('0000002a00000f300003');

describe('committedOffset', () => {
  it('is null where there is none: nothing delivered yet, or deleted', () => {
    expect(committedOffset(null, 'postgresql')).toBeNull();
    expect(committedOffset([], 'sqlserver')).toBeNull();
    expect(committedOffset(of('{}'), 'postgresql')).toBeNull();
  });

  it.each([
    ['after a commit', '{"lsn_proc":24617000,"messageType":"COMMIT","lsn_commit":24617000,"lsn":24617000,"txId":7}', pg(24617000n)],
    ['inside the next transaction', '{"lsn_proc":33082984,"messageType":"INSERT","lsn_commit":24820296,"lsn":33082984,"txId":8}', pg(24820296n)],
    ['before the first commit', '{"lsn_proc":24613568,"messageType":"INSERT","lsn":24613568,"txId":6}', LogPosition.ZERO],
    ['beyond 2^53', '{"lsn_commit":9007199254740993}', pg(9007199254740993n)],
  ])('of PostgreSQL is the last commit read: %s', (_, offset, position) => {
    expect(committedOffset(of(offset), 'postgresql')).toEqual({ position, complete: true });
  });

  it.each([
    ['an end of scan', `{"commit_lsn":"${LSN}","change_lsn":null,"event_serial_no":0}`, at, true],
    ['an end of scan, as text', `{"commit_lsn":"${LSN}","change_lsn":"NULL","event_serial_no":0}`, at, true],
    ['a transaction being delivered', `{"commit_lsn":"${LSN}","change_lsn":"0000002a:00000f30:0002","event_serial_no":1}`, at, false],
    ['the start', `{"commit_lsn":"${LSN}","snapshot":"INITIAL","snapshot_completed":true}`, at, true],
    ['a start that did not end', `{"commit_lsn":"${LSN}","snapshot":"INITIAL","snapshot_completed":false}`, LogPosition.ZERO, true],
    ['no position', '{"commit_lsn":"NULL","change_lsn":"NULL"}', LogPosition.ZERO, true],
  ])('of SQL Server tells a whole transaction from a part: %s', (_, offset, position, complete) => {
    expect(committedOffset(of(offset), 'sqlserver')).toEqual({ position, complete });
  });

  it('is the slowest of several', () => {
    expect(committedOffset(of('{"lsn_commit":9}', '{"lsn_commit":7}', '{"lsn_commit":8}'), 'postgresql')).toEqual({ position: pg(7n), complete: true });
  });

  it.each([
    ['postgresql', '{"lsn_commit":"0/17"}'],
    ['sqlserver', '{"commit_lsn":"0x2a"}'],
  ] as const)('is an error in a form that we do not know (%s)', (connector, offset) => {
    expect(() => committedOffset(of(offset), connector)).toThrow(/commit.*is not of the form/);
  });
});

describe('hasPassed', () => {
  it.each([
    [pg(8n), true, true],
    [pg(7n), true, true],
    [pg(7n), false, false],
    [pg(6n), true, false],
    [LogPosition.ZERO, true, false],
  ])('of 7, by %s (complete: %s), is %s', (position, complete, passed) => {
    expect(hasPassed({ position, complete }, pg(7n))).toBe(passed);
  });
});

describe('lossless JSON', () => {
  it.each(['{"a":18446744073709551615,"b":"12 \\" 34","c":[1.50,-2e5,true,null,""]}', '"\\\\"', '[]'])('comes back as it was: %s', (text) => {
    expect(stringifyLossless(parseLossless(text))).toBe(text);
  });
});

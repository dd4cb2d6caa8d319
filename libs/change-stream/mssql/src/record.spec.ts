import { LogPosition } from '@elstream/core';
import { cleanedUpTo, formatRecord, parseRecord, recordOf, recordTrouble, type EstablishedInstance } from './record';

const identity = { system: 's', fork: 'f' };
const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 10);
const instance = (more: Partial<EstablishedInstance> = {}): EstablishedInstance => {
  const source = { schema: 'dbo', name: 'item' };
  return { table: 'dbo.item', source, name: 'dbo_item', object: 7, created: '2026-01-01T00:00:00.123', start: at(10), least: at(10), role: 'gate', dropping: false, columns: [], ...more };
};
const record = recordOf(identity, [instance()]);

describe('what was noted of capture', () => {
  it('comes back from its text', () => {
    expect(parseRecord(formatRecord(record))).toEqual(record);
  });

  it.each([null, '', '{', '[]', '{"system":"s","fork":"f"}', '{"system":"s","fork":"f","tables":{"a.b":{"instance":"x"}}}', '{"system":"s","fork":"f","tables":{"a.b":{"instance":"x","object":1,"created":"","start":"zz"}}}'])('is none in %p', (text) => {
    expect(parseRecord(text)).toBeNull();
  });

  it.each([
    ['the same instance', {}, null],
    ['one that was cleaned up meanwhile', { least: at(99) }, null],
    ['none', null, 'is gone from the source'],
    ['one of the same name made anew', { object: 8 }, 'was dropped and made anew'],
    ['one of the same object and name made at another time', { created: '2026-02-01T00:00:00' }, 'was dropped and made anew'],
    ['one that is being dropped', { dropping: true }, 'is being dropped'],
    ['one whose minimum is zero', { least: null }, 'is not visible'],
  ])('is compared with %s', (_name, more, text) => {
    const found = recordTrouble(record, { identity, instances: more === null ? [] : [instance(more)] });
    if (text === null) expect(found).toBeNull();
    else expect(found).toContain(text);
  });

  it('is worth nothing of another log, but what is missing of a table that left the pipeline is no matter', () => {
    expect(recordTrouble(record, { identity: { ...identity, fork: 'g' }, instances: [instance()] })).toContain('restored');
    expect(recordTrouble(record, { identity, instances: [] }, new Set(['dbo.other']))).toBeNull();
  });

  it('tells how far changes were cleaned up, but not of an instance that has only just begun', () => {
    const two = recordOf(identity, [instance(), instance({ table: 'dbo.new', name: 'dbo_new', start: at(50), least: at(50) })]);
    const fresh = instance({ table: 'dbo.new', name: 'dbo_new', start: at(50), least: at(50) });
    expect(cleanedUpTo(two, [instance(), fresh])).toBeNull();
    expect(cleanedUpTo(two, [instance({ least: at(20) }), fresh])?.equals(at(20))).toBe(true);
    expect(cleanedUpTo(two, [instance({ least: at(70) }), { ...fresh, least: at(70) }])?.equals(at(70))).toBe(true);
  });
});

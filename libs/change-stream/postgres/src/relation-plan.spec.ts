import { type ColumnType } from '@elstream/core';
import { losesSilently, planRelation } from './relation-plan';
import { mappingOf } from './stream.fixture';

const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;
const decimal = (precision: number | null, scale: number | null): ColumnType => ({ kind: 'decimal', precision, scale });
const column = (typeOid: number, typmod = -1): { name: string; typeOid: number; typmod: number; identity: boolean } => ({ name: 'c', typeOid, typmod, identity: false });

describe('losesSilently', () => {
  it.each<[string, ReturnType<typeof column>, ColumnType, boolean]>([
    ['numeric of the planned scale', column(1700, numeric(10, 2)), decimal(10, 2), false],
    ['numeric of a smaller scale', column(1700, numeric(12, 1)), decimal(10, 2), false],
    ['numeric of a larger scale', column(1700, numeric(10, 3)), decimal(10, 2), true],
    ['numeric without a scale', column(1700, -1), decimal(10, 2), true],
    ['numeric of negative scale', column(1700, numeric(5, -2)), decimal(10, 0), false],
    ['any numeric into one without scale', column(1700, numeric(38, 10)), decimal(null, null), false],
    ['an integer into a decimal', column(20, -1), decimal(10, 2), false],
    ['a float into a decimal', column(701, -1), decimal(10, 2), true],
    ['double into single', column(701, -1), { kind: 'float', bits: 32 }, true],
    ['single into double', column(700, -1), { kind: 'float', bits: 64 }, false],
    ['int8 into double', column(20, -1), { kind: 'float', bits: 64 }, true],
    ['int4 into double', column(23, -1), { kind: 'float', bits: 64 }, false],
    ['a timestamp into a date', column(1114, -1), { kind: 'date' }, true],
    ['a timestamp with zone into one without', column(1184, -1), { kind: 'timestamp', zone: false }, true],
    ['a timestamp into a time', column(1114, -1), { kind: 'time', zone: false }, true],
    ['a type we cannot judge', column(50_000, -1), { kind: 'date' }, false],
    ['anything into text', column(701, -1), { kind: 'text', maxLength: null, padded: false }, false],
  ])('%s', (_name, now, planned, expected) => {
    expect(losesSilently(now, planned)).toBe(expected);
  });
});

describe('planRelation', () => {
  const relation = (columns: ReturnType<typeof column>[]): Parameters<typeof planRelation>[0] => ({ oid: 1, schema: 'public', name: 't', columns });

  it('refuses a masked key, whose deletes would not find their rows', () => {
    const mapping = mappingOf('t', ['c'], [{ name: 'c', mask: { kind: 'hash', secret: 's' } }]);
    expect(() => planRelation(relation([column(25)]), mapping, null)).toThrow(/masked and a key column/);
  });

  it('stops at a changed number of fraction digits, which the plan does not know', () => {
    const mapping = mappingOf('t', ['c'], ['c']);
    expect(() => planRelation(relation([column(1114, 3)]), mapping, relation([column(1114, 0)]))).toThrow(/precision/);
    expect(planRelation(relation([column(1114, 3)]), mapping, relation([column(1114, 3)])).targets).toEqual([0]);
  });
});

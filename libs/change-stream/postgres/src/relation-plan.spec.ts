import { type ColumnType } from '@elstream/core';
import { isReshaped, outgrows, planRelation } from './relation-plan';
import { mappingOf } from './stream.fixture';

const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;
const decimal = (precision: number | null, scale: number | null): ColumnType => ({ kind: 'decimal', precision, scale });
const column = (typeOid: number, typmod = -1): { name: string; typeOid: number; typmod: number; identity: boolean } => ({ name: 'c', typeOid, typmod, identity: false });

const text = (maxLength: number | null, padded = false): ColumnType => ({ kind: 'text', maxLength, padded });

describe('a column outgrows its warehouse column', () => {
  it.each<[string, ReturnType<typeof column>, ColumnType, string | null]>([
    ['numeric of the planned scale', column(1700, numeric(10, 2)), decimal(10, 2), null],
    ['numeric of a smaller scale and as many digits before it', column(1700, numeric(9, 1)), decimal(10, 2), null],
    ['numeric of more digits before the point', column(1700, numeric(12, 2)), decimal(10, 2), 'wider'],
    ['numeric of a larger scale', column(1700, numeric(10, 3)), decimal(10, 2), 'wider'],
    ['numeric without a scale', column(1700, -1), decimal(10, 2), 'wider'],
    ['numeric of negative scale', column(1700, numeric(5, -2)), decimal(10, 0), null],
    ['any numeric into one without scale', column(1700, numeric(38, 10)), decimal(null, null), null],
    ['a wider integer', column(20), { kind: 'integer', bits: 32 }, 'wider'],
    ['a narrower integer', column(21), { kind: 'integer', bits: 32 }, null],
    ['double into single', column(701), { kind: 'float', bits: 32 }, 'wider'],
    ['single into double', column(700), { kind: 'float', bits: 64 }, null],
    ['a longer varchar', column(1043, 24), text(10), 'wider'],
    ['a varchar of the planned length', column(1043, 14), text(10), null],
    ['a varchar without length', column(1043), text(10), 'wider'],
    ['text into text', column(25), text(null), null],
    ['varchar into text', column(1043, 14), text(null), null],
    ['a longer char', column(1042, 14), text(5, true), 'wider'],
    ['char into varchar', column(1042, 14), text(10), 'blanks'], ['varchar into char', column(1043, 9), text(5, true), 'blanks'],
    ['an integer into a decimal', column(20), decimal(10, 2), 'holds integer values'],
    ['a timestamp into a date', column(1114), { kind: 'date' }, 'holds timestamp values'],
    ['a timestamp with zone into one without', column(1184), { kind: 'timestamp', zone: false }, 'time zone'],
    ['a boolean into a text', column(16), text(null), 'holds boolean values'],
    ['a type we cannot judge', column(50_000), { kind: 'date' }, null],
    ['anything into a type we cannot judge', column(701), { kind: 'other' }, null],
  ])('%s', (_name, now, type, expected) => {
    const found = outgrows(now, { type, targetType: 'text' });
    if (expected === null) expect(found).toBeNull();
    else expect(found).toContain(expected);
  });

  it.each<[number, string, boolean]>([
    [3, 'pg_catalog.timestamp(3)', false],
    [2, 'pg_catalog.timestamp(3)', false],
    [4, 'pg_catalog.timestamp(3)', true],
    [-1, 'timestamp(3) without time zone', true],
    [-1, 'timestamp(6)', false],
    [6, 'pg_catalog.timestamp', false],
    [6, 'pg_catalog.varchar(3)', false],
  ])('a fraction of %p digits in %s: %p', (typmod, targetType, expected) => {
    expect(outgrows(column(1114, typmod), { type: { kind: 'timestamp', zone: false }, targetType }) !== null).toBe(expected);
  });
});

describe('planRelation', () => {
  const relation = (columns: ReturnType<typeof column>[]): Parameters<typeof planRelation>[0] => ({ oid: 1, schema: 'public', name: 't', columns });

  it('does not fit a masked key, whose deletes would not find their rows, nor one that is gone', () => {
    expect(planRelation(relation([column(25)]), mappingOf('t', ['c'], [{ name: 'c', mask: { kind: 'hash', secret: 's' } }])).misfit).toContain('masked and a key column');
    // what is stored for a masked column is a hash, whatever type the source has
    expect(planRelation(relation([{ ...column(23), name: 'k' }, { ...column(1082), name: 'c' }]), mappingOf('t', ['k'], ['k', { name: 'c', mask: { kind: 'hash', secret: 's' } }])).misfit).toBeNull();
    expect(planRelation(relation([column(25)]), mappingOf('t', ['k'], ['k', 'c'])).misfit).toContain('key column k');
  });

  it('leaves out what is not mapped, and takes other columns that are gone for unknown', () => {
    const plan = planRelation(relation([column(25), { ...column(25), name: 'new' }]), mappingOf('t', ['c'], ['gone', 'c']));
    expect([plan.targets, plan.misfit, isReshaped(plan, null)]).toEqual([[1, -1], null, true]);
  });
});

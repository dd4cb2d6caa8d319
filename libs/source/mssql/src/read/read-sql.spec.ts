import fc from 'fast-check';
import { EVERY_TYPE, sampleTable } from '../statements.fixture';
import { compareKey, partsAfter, rangeCondition, selectKeys, selectNextBound, selectRange } from './read-sql';
import { readTarget } from './read-target';

const { mapping, target } = sampleTable(EVERY_TYPE, ['nvarchar', 'id']);

/** The predicate as JavaScript: numbers stand for columns and values. */
function holds(predicate: string, row: readonly number[], bound: readonly number[]): boolean {
  const code = predicate
    .replace(/c(\d)/g, (_, i: string) => String(row[Number(i)]))
    .replace(/v(\d)/g, (_, i: string) => String(bound[Number(i)]))
    .replace(/ = /g, ' === ')
    .replace(/AND/g, '&&')
    .replace(/OR/g, '||');
  return new Function(`return ${code};`)() as boolean;
}

const lexical = (a: readonly number[], b: readonly number[]): number => a.map((x, i) => x - (b[i] ?? 0)).find((d) => d !== 0) ?? 0;

describe('the predicates of a range', () => {
  it.each([1, 2, 3, 4])('compare keys of %i columns as the index sorts them', (width) => {
    const key = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: width, maxLength: width });
    const [columns, values] = ['c', 'v'].map((letter) => Array.from({ length: width }, (_, i) => `${letter}${String(i)}`)) as [string[], string[]];
    fc.assert(
      fc.property(key, key, (row, bound) => {
        const order = lexical(row, bound);
        expect(holds(compareKey(columns, '>', values), row, bound)).toBe(order > 0);
        expect(holds(compareKey(columns, '>=', values), row, bound)).toBe(order >= 0);
        expect(holds(compareKey(columns, '<', values), row, bound)).toBe(order < 0);
      }),
    );
  });

  it.each([1, 2, 3, 4])('behind a key of %i columns come in parts: each row in one of them, the parts in order', (width) => {
    const key = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: width, maxLength: width });
    const [columns, values] = ['c', 'v'].map((letter) => Array.from({ length: width }, (_, i) => `${letter}${String(i)}`)) as [string[], string[]];
    const parts = partsAfter(columns, values);
    const partOf = (row: readonly number[], bound: readonly number[]): number[] => parts.flatMap((part, i) => (holds(part, row, bound) ? [i] : []));
    fc.assert(
      fc.property(key, key, key, (row, other, bound) => {
        const [found, beside] = [partOf(row, bound), partOf(other, bound)];
        expect(found).toHaveLength(lexical(row, bound) > 0 ? 1 : 0);
        const [first, second] = [found[0], beside[0]];
        if (first !== undefined && second !== undefined && first < second) expect(lexical(row, other)).toBeLessThan(0);
      }),
    );
  });

  it('seek by the cells that both bounds share', () => {
    const { where, params } = rangeCondition(target, { from: ['a', '1'], to: ['a', '9'] });
    expect(where).toMatch(/^ WHERE t\.\[nvarchar\] = [^>]*@from0[^>]* AND t\.\[id\] >= CONVERT\(bigint, @from1\) AND t\.\[id\] < CONVERT\(bigint, @to1\)$/);
    expect(Object.keys(params)).toEqual(['from0', 'from1', 'to1']);
    expect(rangeCondition(target, { from: ['a', '1'], to: ['A', '9'] }).where).toContain('@to0');
    expect(rangeCondition(target, { from: ['a', '1'], to: ['a', '1'] }).where).toMatch(/>= CONVERT\(bigint, @from1\) AND t\.\[id\] < CONVERT\(bigint, @to1\)$/);
    expect(rangeCondition(target, { from: ['a', '1'], to: null }).where).toContain('t.[nvarchar] >= ');
  });

  it('bind every cell, and leave nothing of it in the text', () => {
    const range = { from: ["a'; DROP TABLE x--", '1'], to: ['z', '2'] };
    const { where, params } = rangeCondition(target, range);
    expect(where).not.toContain('DROP');
    expect(Object.entries(params).map(([name, { value }]) => [name, value])).toEqual([['from0', "a'; DROP TABLE x--"], ['from1', '1'], ['to0', 'z'], ['to1', '2']]);
    expect(rangeCondition(target, { from: null, to: null })).toEqual({ where: '', params: {} });
    expect(selectKeys(target, [["q'", '1']]).params['keys']?.value).toBe(`[["q'","1"]]`);
  });

  it('refuse a key of another width', () => {
    expect(() => rangeCondition(target, { from: ['1'], to: null })).toThrow(RangeError);
    expect(() => selectKeys(target, [['a', '1'], ['b']])).toThrow(RangeError);
  });
});

describe('the statements over a table', () => {
  it('give the cells of a row in mapping order, and never a column masked to NULL', () => {
    const { sql, cells } = selectRange(target, { from: null, to: null });
    expect(cells).toHaveLength(mapping.columns.length);
    expect(sql).not.toContain('[secret]');
  });

  it('look for the next bound strictly behind the one before', () => {
    expect(selectNextBound(target, null, 10).params['skip']?.value).toBe('10');
    expect(selectNextBound(target, ['a', '1'], 10).params).toMatchObject({ skip: { value: '9' }, rows: { value: '10' }, after0: { value: 'a' }, after1: { value: '1' } });
  });

  it('say what is wrong with the table as it is now', () => {
    const rows = EVERY_TYPE.map((c) => ({ name: c.name, base: c.base, maxLength: c.maxLength ?? 0, precision: c.precision ?? 0, scale: c.scale ?? 0, collation: null, snapshot: false }));
    expect(() => readTarget(mapping, [])).toThrow(expect.objectContaining({ code: 'TABLE_NOT_FOUND', recovery: 'stop' }));
    expect(() => readTarget(mapping, rows.slice(1))).toThrow(expect.objectContaining({ code: 'COLUMN_NOT_FOUND', message: expect.stringContaining('dbo.t.id') as string }));
    const masked = { ...mapping, columns: mapping.columns.map((c) => ({ ...c, mask: { kind: 'hash', secret: 's' } as const })) };
    expect(() => readTarget(masked, rows)).toThrow(expect.objectContaining({ code: 'KEY_MASKED', recovery: 'refuse' }));
  });
});

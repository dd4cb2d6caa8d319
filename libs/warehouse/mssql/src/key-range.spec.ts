import { inRange } from './key-range';
import { targets } from './table-statements.fixture';
import { buildTarget } from './target';

const one = buildTarget('p', { ...targets.plain.mapping, key: [1] });

describe('a range of keys', () => {
  it.each([
    [null, null, '1 = 1'],
    [['5'], null, 't.[id] >= CONVERT(bigint, @from0)'],
    [null, ['9'], 't.[id] < CONVERT(bigint, @to0)'],
    [['5'], ['9'], 't.[id] >= CONVERT(bigint, @from0) AND t.[id] < CONVERT(bigint, @to0)'],
  ])('from %j to %j excludes its end', (from, to, sql) => {
    expect(inRange(one, { from, to }).sql).toBe(sql);
  });

  it('of a composite key is compared column by column, with a bound that the index can seek before', () => {
    const region = 'CONVERT(nvarchar(10), @from0) COLLATE Latin1_General_100_BIN2';
    const { sql, params } = inRange(targets.plain, { from: ['eu', '5'], to: null });
    expect(sql).toBe(`t.[region] >= ${region} AND ((t.[region] > ${region}) OR (t.[region] = ${region} AND t.[id] >= CONVERT(bigint, @from1)))`);
    expect(Object.entries(params).map(([name, { value }]) => [name, value])).toEqual([['from0', 'eu'], ['from1', '5']]);
  });

  it('excludes the key it ends at, in every column', () => {
    expect(inRange(targets.plain, { from: null, to: ['us', '1'] }).sql).toMatch(/^t\.\[region\] <= .* AND \(\(t\.\[region\] < .*\) OR \(t\.\[region\] = .* AND t\.\[id\] < CONVERT\(bigint, @to1\)\)\)$/);
  });
});

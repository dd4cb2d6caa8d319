import { keysFrom, rowsInRange } from './key-range';
import { targets } from './table-statements.fixture';
import { buildTarget } from './target';

const { plain } = targets;
const one = buildTarget('p', { ...plain.mapping, key: [1] });
const integers = (columns: number) =>
  buildTarget('p', {
    ...plain.mapping,
    target: { schema: 'dbo', name: 't' },
    columns: Array.from({ length: columns }, (_, i) => ({ source: `k${String(i)}`, target: `k${String(i)}`, type: { kind: 'integer' as const, bits: 64 as const }, targetType: 'bigint', nullable: false, mask: null })),
    key: Array.from({ length: columns }, (_, i) => i),
  });

/** Conditions of the parts, as functions of a key of integers. */
function partsOf(from: string, bounds: Readonly<Record<string, number>>): ((key: readonly number[]) => boolean)[] {
  return from.split('\n UNION ALL ').map((part) => {
    const where = part.slice(part.indexOf(' WHERE ') + ' WHERE '.length).replace(/\) AS t$/, '');
    const code = where.replace(/CONVERT\(bigint, @(\w+)\)/g, (_, name: string) => String(bounds[name])).replace(/t\.\[k(\d)\]/g, 'key[$1]').replaceAll(' AND ', ' && ').replaceAll(' OR ', ' || ').replaceAll(' = ', ' === ');
    return new Function('key', `return ${code}`) as (key: readonly number[]) => boolean;
  });
}

const below = (a: readonly number[], b: readonly number[]): boolean => {
  const at = a.findIndex((v, i) => v !== b[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
};

function keysOf(columns: number): number[][] {
  return columns === 0 ? [[]] : keysOf(columns - 1).flatMap((key) => [0, 1, 2].map((v) => [...key, v]));
}

describe('a range of keys', () => {
  it.each([
    [null, null, '1 = 1'],
    [['5'], null, 't.[id] >= CONVERT(bigint, @from0)'],
    [null, ['9'], 't.[id] < CONVERT(bigint, @to0)'],
    [['5'], ['9'], 't.[id] >= CONVERT(bigint, @from0) AND t.[id] < CONVERT(bigint, @to0)'],
  ])('from %j to %j excludes its end', (from, to, sql) => {
    expect(rowsInRange(one, { from, to }).from).toBe(`${one.sql} AS t WHERE ${sql}`);
  });

  it('of a composite key is put together from parts that an index seeks by all its columns', () => {
    const region = 'CONVERT(nvarchar(10), @from0) COLLATE Latin1_General_100_BIN2';
    const { from, params } = rowsInRange(plain, { from: ['eu', '5'], to: null });
    const parts = [...from.matchAll(/WHERE (.*?)(?=\n UNION|\) AS t$)/g)].map(([, where]) => where);
    expect(parts).toEqual([`t.[region] = ${region} AND t.[id] >= CONVERT(bigint, @from1)`, `t.[region] > ${region}`]);
    expect(Object.entries(params).map(([name, { value }]) => [name, value])).toEqual([['from0', 'eu'], ['from1', '5']]);
  });

  it('is looked through for its next bound by as many rows of each part as that may need', () => {
    expect(keysFrom(plain, null).from).toBe(`${plain.sql} AS t WHERE 1 = 1`);
    expect(keysFrom(plain, ['eu', '5']).from.match(/SELECT TOP \(@skip \+ 1\) t\.\[region\], t\.\[id\] FROM .*? ORDER BY t\.\[region\], t\.\[id\]/g)).toHaveLength(2);
  });

  it.each([2, 3, 4])('of %i columns has every key in just one part', (columns) => {
    const target = integers(columns);
    const keys = keysOf(columns);
    const some = keys.filter((_, i) => i % (columns < 4 ? 1 : 7) === 0);
    const ends = [null, ...some];
    for (const from of ends) {
      for (const to of ends) {
        if (from !== null && to !== null && below(to, from)) continue;
        const bounds = Object.fromEntries([...(from ?? []).map((v, i) => [`from${String(i)}`, v]), ...(to ?? []).map((v, i) => [`to${String(i)}`, v])] as [string, number][]);
        const parts = partsOf(rowsInRange(target, { from: from?.map(String) ?? null, to: to?.map(String) ?? null }).from, bounds);
        const wrong = keys.filter((key) => parts.filter((part) => part(key)).length !== ((from === null || !below(key, from)) && (to === null || below(key, to)) ? 1 : 0));
        expect({ from, to, wrong }).toEqual({ from, to, wrong: [] });
      }
    }
  });
});

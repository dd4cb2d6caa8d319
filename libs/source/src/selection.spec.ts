import { selectTables } from './selection';

const TABLES = ['a.orders', 'a.order_items', 'b.orders', 'a.Ünïcode Names'].map((name) => ({ schema: name.split('.')[0] ?? '', name: name.split('.')[1] ?? '' }));
const DOTTED = [
  { schema: 'a.b', name: 'c' },
  { schema: 'a', name: 'b.c' },
  { schema: 'a', name: 'star*' },
  { schema: 'a', name: 'x+(y)' },
];

function pick(tables: readonly { schema: string; name: string }[], include: readonly string[], exclude: readonly string[] = []): string[] {
  return selectTables(tables, { include, exclude }).map((s) => `${s.table.schema}|${s.table.name}${s.exact ? '!' : ''}`);
}

describe('selecting tables', () => {
  it.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ['an exact name picks one table', ['a.orders'], [], ['a|orders!']],
    ['a star stands for any characters', ['a.*'], [], ['a|orders', 'a|order_items', 'a|Ünïcode Names']],
    ['a star stands for schemas too', ['*.orders'], [], ['a|orders', 'b|orders']],
    ['a question mark stands for one character', ['?.orders', 'a.order?'], [], ['a|orders', 'b|orders']],
    ['exclusion wins over inclusion', ['a.*'], ['a.order*'], ['a|Ünïcode Names']],
    ['exclusion wins over an exact name', ['a.orders', 'b.orders'], ['b.*'], ['a|orders!']],
    ['names keep their case', ['a.ünï*'], [], []],
    ['a table named twice is picked once, as named exactly', ['a.*', 'a.orders'], ['a.order_items', 'a.Ünïcode Names'], ['a|orders!']],
    ['a pattern may match nothing', ['z.*'], [], []],
  ])('%s', (_, include, exclude, expected) => {
    expect(pick(TABLES, include, exclude)).toEqual(expected);
  });

  it('names the exact entry that matches nothing', () => {
    expect(() => pick(TABLES, ['a.*', 'a.missing'])).toThrow(expect.objectContaining({ code: 'TABLE_NOT_FOUND', message: expect.stringContaining('a.missing') as string }));
  });

  it('takes dots, stars and brackets in names as they are, and asks for quotes where they could mean two tables', () => {
    expect(pick(DOTTED, ['"a.b".c'])).toEqual(['a.b|c!']);
    expect(pick(DOTTED, ['a."b.c"'])).toEqual(['a|b.c!']);
    expect(pick(DOTTED, ['a.x+(y)'])).toEqual(['a|x+(y)!']);
    expect(pick(DOTTED, ['a.star*'])).toEqual(['a|star*']);
    expect(() => pick(DOTTED, ['a.b.c'])).toThrow(expect.objectContaining({ code: 'TABLE_AMBIGUOUS' }));
  });
});

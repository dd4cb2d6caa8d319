import { parseQuantity } from './setting';
import { exactTableId, matchesTable } from './table-pattern';

describe('table names and patterns', () => {
  it.each([
    ['public.orders', 'public', 'orders', true],
    ['public.orders', 'public', 'Orders', false],
    ['public.orders', 'public', 'orders2', false],
    ['public.*', 'public', 'orders', true],
    ['public.*', 'public', 'a.b', true],
    ['public.*', 'publicx', 'a', false],
    ['*', 'any', 'thing', true],
    ['*.orders', 'eu', 'orders', true],
    ['public.order?', 'public', 'orders', true],
    ['public.order?', 'public', 'order', false],
    ['public.a?', 'public', 'a𝄞', true],
    ['public."a.b"', 'public', 'a.b', true],
    ['public."a*"', 'public', 'a*', true],
    ['public."a*"', 'public', 'ab', false],
    ['*."a*"', 'public', 'a*', true],
    ['public."say \\"hi\\""', 'public', 'say "hi"', true],
    ['public.[a]+(b)$', 'public', '[a]+(b)$', true],
    ['public.[a]*', 'public', '[a]bc', true],
    ['public.line *', 'public', 'line \n', true],
    ['schöma.täble ü', 'schöma', 'täble ü', true],
    ['orders', 'public', 'orders', false],
    ['a.b.c', 'a', 'b.c', false],
  ])('%s names %s . %s: %s', (text, schema, name, matches) => expect(matchesTable(text, { schema, name })).toBe(matches));

  it.each([
    ['public.orders', 'public.orders'],
    ['"public".orders', 'public.orders'],
    ['public."a.b"', 'public."a.b"'],
    ['public.*', null],
    ['a.b.c', null],
    ['public."broken', null],
  ])('%s stands for the table id %s', (text, id) => expect(exactTableId(text)).toBe(id));
});

describe('quantities', () => {
  it.each([
    [5, 'integer', 5],
    ['5', 'integer', 5],
    ['5s', 'integer', null],
    [0.5, 'integer', null],
    ['-5', 'integer', null],
    ['10GiB', 'bytes', 10 * 2 ** 30],
    ['10 gb', 'bytes', 1e10],
    ['64', 'bytes', 64],
    ['1.5KiB', 'bytes', 1536],
    ['1.0001kB', 'bytes', null],
    ['10min', 'milliseconds', 600_000],
    ['1h', 'milliseconds', 3_600_000],
    ['10m', 'milliseconds', null],
    ['9999999999TiB', 'bytes', null],
    ['', 'integer', null],
    ['constructor', 'bytes', null],
    ['1 constructor', 'bytes', null],
  ] as const)('%s as %s is %s', (text, kind, value) => expect(parseQuantity(text, kind)).toBe(value));
});

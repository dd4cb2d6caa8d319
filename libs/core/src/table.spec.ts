import { keyCellIdentity, type ColumnType } from './column-type';
import { decimalKey, integerKey, mappingOf } from './core.fixture';
import { ElstreamError } from './errors';
import { describeKey, keyIdentity, keyOfRow, tableId } from './table';

const float: ColumnType = { kind: 'float', bits: 64 };
const char: ColumnType = { kind: 'text', maxLength: 5, padded: true };
const text: ColumnType = { kind: 'text', maxLength: null, padded: false };
const other: ColumnType = { kind: 'other' };

describe('the identity of a key', () => {
  it.each<[string, ColumnType, readonly string[]]>([
    ['numeric trailing zeros', decimalKey, ['1', '1.0', '1.00', '1.000000']],
    ['numeric zero', decimalKey, ['0', '-0', '0.0', '-0.00', '0.000']],
    ['numeric fraction', decimalKey, ['-12.5', '-12.50', '-12.500']],
    ['numeric whole hundreds', decimalKey, ['100', '100.0', '100.00']],
    ['float zero', float, ['0', '-0']],
    ['blank padding of char(n)', char, ['ab', 'ab   ', 'ab ']],
    ['char(n) of blanks only', char, ['', '     ']],
  ])('is one for %s', (_what, type, spellings) => {
    expect(new Set(spellings.map((s) => keyCellIdentity(s, type))).size).toBe(1);
  });

  it.each<[string, ColumnType, readonly string[]]>([
    ['numbers that only look alike', decimalKey, ['1', '10', '100', '1.1', '1.01', '0.1', '-1', '0', 'NaN', 'Infinity', '-Infinity']],
    ['numbers in exponent form', decimalKey, ['1E1', '1E10', '1.0E1', '1.0E10', '1.0E100', '1e-10', '1.5e0']],
    ['floats', float, ['0', '1', '1.5', '1e+100', '1e+10', '-1', 'NaN', 'Infinity']],
    ['text with blanks at the end', text, ['ab', 'ab ', 'ab  ']],
    ['char(n) with blanks in front or tabs at the end', char, ['ab', ' ab', 'ab\t']],
    ['texts that are numbers', text, ['1', '1.0', '0', '-0']],
    ['case', text, ['a', 'A']],
    ['types whose equality is not known', other, ['1 day', '24:00:00']],
  ])('tells apart %s', (_what, type, spellings) => {
    expect(new Set(spellings.map((s) => keyCellIdentity(s, type))).size).toBe(spellings.length);
  });

  it.each<ColumnType>([{ kind: 'boolean' }, integerKey, { kind: 'binary' }, { kind: 'uuid' }, { kind: 'date' }, { kind: 'time', zone: false }, { kind: 'timestamp', zone: true }, { kind: 'json' }])(
    'is the canonical text for $kind',
    (type) => {
      expect(keyCellIdentity('1.00 ', type)).toBe('1.00 ');
    },
  );

  it('does not run the cells of a composite key together', () => {
    const mapping = mappingOf('t', [text, text]);
    const keys = [['a', 'b'], ['ab', ''], ['', 'ab'], ['a"', 'b'], ['a', '"b'], ['a,b', ''], ['a', ',b']];
    expect(new Set(keys.map((k) => keyIdentity(mapping, k))).size).toBe(keys.length);
  });

  it('uses each key column by its own type', () => {
    const mapping = mappingOf('t', [decimalKey, text]);
    expect(keyIdentity(mapping, ['1.0', 'x'])).toBe(keyIdentity(mapping, ['1.00', 'x']));
    expect(keyIdentity(mapping, ['1.0', '1.0'])).not.toBe(keyIdentity(mapping, ['1.0', '1.00']));
  });
});

describe('the key of a row', () => {
  const mapping = { ...mappingOf('t', [integerKey, text], 1), key: [1, 0] };

  it('has the cells in key order', () => {
    expect(keyOfRow(mapping, ['5', 'eu', null])).toEqual(['eu', '5']);
    expect(describeKey(mapping, ['eu', '5'])).toBe('c1=eu, c0=5');
    expect(describeKey(mapping, ['eu', null])).toBe('c1=eu, c0=NULL');
    expect(describeKey(mapping, ['a\0b\ud83d', '😀'])).toBe('c1=a\ufffdb\ufffd, c0=😀');
  });

  it.each([[null], [undefined]])('is refused by column and table when a cell is %p', (cell) => {
    expect(() => keyOfRow(mapping, ['5', cell, 'v'])).toThrow(ElstreamError);
    expect(() => keyOfRow(mapping, ['5', cell, 'v'])).toThrow(/key column c1 has no value/);
  });
});

describe('the id of a table', () => {
  it('is unique for names with dots, quotes, blanks, capitals and other letters', () => {
    const names = [['a', 'b.c'], ['a.b', 'c'], ['a', 'b'], ['a', '"b"'], ['a', 'B'], ['a b', 'c'], ['ä', '数据'], ['a', '"b.c"'], ['a', '1'], ['', 'x']];
    const ids = names.map(([schema, name]) => tableId({ schema: schema!, name: name! }));
    expect(new Set(ids).size).toBe(names.length);
    expect(ids.slice(0, 3)).toEqual(['a."b.c"', '"a.b".c', 'a.b']);
  });
});

import type { MappedColumn } from '@elstream/core';
import { MSSQL_TYPES } from '@elstream/testing';
import { cellText, decimalText } from './cell-text';
import { selectCell } from './select-cell';

const column = (native: string, type: MappedColumn['type']): MappedColumn => ({ source: 'v', target: 'v', type, native, targetType: native, nullable: true, mask: null });

/** Function names by what they do to texts, as their documentation says; `printed` is what CONVERT to varchar gives. */
const FUNCTIONS: Readonly<Record<string, (...args: string[]) => string>> = {
  REPLACE: (text = '', from = '', to = '') => text.replaceAll(from, to),
  RTRIM: (text = '') => text.replace(/ +$/, ''),
  LEFT: (text = '', length = '') => text.slice(0, Number(length)),
  RIGHT: (text = '', length = '') => text.slice(-Number(length)),
  SUBSTRING: (text = '', from = '', length = '') => text.slice(Number(from) - 1, Number(from) - 1 + Number(length)),
};

/** Evaluates nested calls and `+` over texts. */
function evaluate(sql: string, printed: Readonly<Record<string, string>>): string {
  let rest = sql;
  const take = (token: string): boolean => {
    if (!rest.startsWith(token)) return false;
    rest = rest.slice(token.length);
    return true;
  };
  const term = (): string => {
    for (const [text, value] of Object.entries(printed)) if (take(text)) return value;
    const literal = /^'([^']*)'/.exec(rest) ?? /^(\d+)/.exec(rest);
    if (literal !== null) {
      take(literal[0]);
      return literal[1] ?? '';
    }
    const name = /^([A-Z]+)\(/.exec(rest)?.[1] ?? '';
    if (!take(`${name}(`)) throw new Error(`cannot read ${rest}`);
    const args = [expression()];
    while (take(', ')) args.push(expression());
    if (!take(')')) throw new Error(`no ) at ${rest}`);
    return FUNCTIONS[name]?.(...args) ?? '';
  };
  const expression = (): string => {
    let text = term();
    while (take(' + ')) text += term();
    return text;
  };
  const value = expression();
  if (rest !== '') throw new Error(`left over: ${rest}`);
  return value;
}

const TRIMMED = MSSQL_TYPES.filter(({ native }) => /^(?:time|datetime|datetime2|decimal|money|smallmoney)\b/.test(native)).flatMap(({ native, type, values }) =>
  values.flatMap(({ driver, cell }) => (cell === null ? [] : [{ native, type, printed: String(driver), cell }])),
);

describe('the text of a cell made in T-SQL', () => {
  it.each(TRIMMED)('of $native $printed is the cell that is read', ({ native, type, printed, cell }) => {
    const sql = cellText(column(native, type), 'source', 't.v');
    expect(evaluate(sql, { [selectCell({ type, native }, 't.v').sql]: printed })).toBe(cell);
  });

  it.each(TRIMMED.filter(({ type }) => type.kind === 'decimal'))('of the decimal $printed has no zeros at its end where decimals are compared', ({ native, type, printed }) => {
    const sql = decimalText(column(native, type), 'target', 't.v');
    expect(evaluate(sql, { [selectCell({ type, native }, 't.v').sql]: printed })).toBe(printed.includes('.') ? printed.replace(/\.?0+$/, '') : printed);
  });

  it('of a float kept as text is refused by name, and one planned before types were kept asks for a new plan', () => {
    expect(() => cellText(column('float', { kind: 'float', bits: 64 }), 'source', 't.v')).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED', recovery: 'refuse' }));
    const { native: _, ...old } = column('int', { kind: 'integer', bits: 32 });
    expect(() => cellText(old, 'source', 't.v')).toThrow(expect.objectContaining({ code: 'PLAN_OUTDATED', recovery: 'stop' }));
  });
});

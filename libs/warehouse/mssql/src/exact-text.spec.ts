import { exactText, imageDigest } from './exact-text';
import { targets } from './table-statements.fixture';

describe('telling values apart on the server', () => {
  it.each([
    ['nvarchar(10)', 'CONVERT(nvarchar(max), t.v) COLLATE Latin1_General_100_BIN2'],
    ['varchar(10)', 'CONVERT(nvarchar(max), t.v) COLLATE Latin1_General_100_BIN2'],
    ['int', 'CONVERT(nvarchar(max), t.v)'],
    ['varbinary(max)', 'CONVERT(nvarchar(max), CONVERT(varbinary(max), t.v), 2)'],
    ['float', 'CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.v)), 2)'],
    ['real', 'CONVERT(nvarchar(max), CONVERT(binary(4), CONVERT(real, t.v)), 2)'],
    ['datetimeoffset(7)', 'CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.v, 121))'],
    ['money', 'CONVERT(nvarchar(max), t.v, 2)'],
  ])('a %s by a text that equal values alone share', (type, sql) => {
    expect(exactText(type, 't.v')).toBe(sql);
  });

  it('a row by one digest, each cell with its length before it, NULL unlike any text', () => {
    const [note] = targets.plain.columns.slice(-1);
    const digest = imageDigest(note === undefined ? [] : [note], () => 't.v');
    expect(digest).toBe(`HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN t.v IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.v) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.v) COLLATE Latin1_General_100_BIN2) END))`);
  });

  it('wide rows by nested CONCATs, which take 254 arguments', () => {
    const [column] = targets.plain.columns;
    const many = Array.from({ length: 1_000 }, () => column).filter((c) => c !== undefined);
    const widest = mostArguments(imageDigest(many, () => 'v'));
    expect(widest).toBeLessThan(254);
  });
});

/** Of the CONCAT that has most. */
function mostArguments(sql: string): number {
  const open: number[] = [];
  let most = 0;
  for (const char of sql) {
    if (char === '(') open.push(1);
    else if (char === ',') open.push((open.pop() ?? 0) + 1);
    else if (char === ')') most = Math.max(most, open.pop() ?? 0);
  }
  return most;
}

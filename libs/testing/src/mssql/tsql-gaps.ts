/** Correct T-SQL that the parser does not know, and what it is given in its place; `docs`: where the form is documented. */
export const GAPS: readonly { readonly what: string; readonly form: RegExp; readonly as: string; readonly docs: string }[] = [
  {
    what: 'EXECUTE keeps the return code in a variable',
    form: /\b(EXEC(?:UTE)?)\s+@\w+\s*=\s*/g,
    as: '$1 ',
    docs: 'https://learn.microsoft.com/sql/t-sql/language-elements/execute-transact-sql',
  },
  {
    what: 'DELETE TOP (n)',
    form: /\bDELETE\s+TOP\s*\((?:[^()]|\([^()]*\))*\)\s+(?:FROM\s+)?/g,
    as: 'DELETE FROM ',
    docs: 'https://learn.microsoft.com/sql/t-sql/statements/delete-transact-sql',
  },
  {
    what: 'UPDATE TOP (n)',
    form: /\bUPDATE\s+TOP\s*\((?:[^()]|\([^()]*\))*\)\s+/g,
    as: 'UPDATE ',
    docs: 'https://learn.microsoft.com/sql/t-sql/queries/update-transact-sql',
  },
  {
    what: 'a lock of the whole table in INSERT',
    form: /\b(INSERT\s+INTO\s+(?:\[(?:[^\]]|\]\])*\]\.?)+)\s+WITH\s*\(TABLOCKX?\)/g,
    as: '$1',
    docs: 'https://learn.microsoft.com/sql/t-sql/statements/insert-transact-sql',
  },
  {
    what: 'the kind of index of a key',
    form: /\b(PRIMARY\s+KEY|UNIQUE)\s+(?:NON)?CLUSTERED\b/g,
    as: '$1',
    docs: 'https://learn.microsoft.com/sql/t-sql/statements/alter-table-table-constraint-transact-sql',
  },
  {
    what: 'a path in OPENJSON … WITH as a national literal',
    form: /(\bOPENJSON\s*\([^)]*\)\s*WITH\s*\()((?:[^()]|\([^()]*\))*)\)/g,
    as: '',
    docs: 'https://learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql',
  },
];

export function rewritten(statement: string): string {
  return GAPS.reduce((text, { form, as }) => (as === '' ? text.replace(form, (_, head: string, columns: string) => `${head}${columns.replaceAll("N'", "'")})`) : text.replace(form, as)), statement);
}

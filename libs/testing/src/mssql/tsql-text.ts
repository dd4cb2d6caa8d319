const COUNTED = { begin: /\bBEGIN\s+TRAN(?:SACTION)?\b/gi, commit: /\bCOMMIT\b/gi };

/** What is told from the text alone: rules of ours for every statement that opens a transaction. */
export function textProblems(statement: string): string[] {
  const bare = withoutLiterals(statement);
  const problems: string[] = [];
  const count = (form: RegExp): number => bare.match(form)?.length ?? 0;
  if (count(COUNTED.begin) > 0) {
    if (count(COUNTED.commit) < count(COUNTED.begin)) problems.push('a transaction is begun and never committed');
    if (!/\bSET\s+XACT_ABORT\s+ON\b/i.test(bare.slice(0, bare.search(COUNTED.begin)))) problems.push('a transaction is begun without SET XACT_ABORT ON before it');
  }
  if (/\bNOLOCK\b|\bREAD\s+UNCOMMITTED\b/i.test(bare)) problems.push('it reads what is not committed');
  if (bare.includes('`')) problems.push('names are quoted by brackets, not by backticks');
  return problems;
}

/** Literals, quoted names and comments are blanked out. */
function withoutLiterals(statement: string): string {
  return statement.replace(/'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|--[^\n]*|\/\*[\s\S]*?\*\//g, (text) => ' '.repeat(text.length));
}

import { tableId, type TableName } from '@elstream/core';

/**
 * How a pipeline file names tables: `schema.table`, a part with a dot, quote or wildcard of its own in double quotes
 * (`public."order.items"`); or a pattern, where `*` stands for any text (dots too) and `?` for one character.
 */
export type TablePattern = { readonly kind: 'exact'; readonly table: TableName } | { readonly kind: 'pattern'; readonly regex: RegExp };

const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/** Null: neither a name nor a pattern. */
export function parseTablePattern(text: string): TablePattern | null {
  if (/[*?]/.test(text.replace(QUOTED, ''))) return { kind: 'pattern', regex: patternRegex(text) };
  const match = /^("(?:[^"\\]|\\.)*"|[^."]+)\.("(?:[^"\\]|\\.)*"|[^."]+)$/.exec(text);
  const [schema, name] = [unquote(match?.[1]), unquote(match?.[2])];
  return schema === null || name === null ? null : { kind: 'exact', table: { schema, name } };
}

/** The table id an exact name stands for; null for patterns and nonsense. */
export function exactTableId(text: string): string | null {
  const pattern = parseTablePattern(text);
  return pattern?.kind === 'exact' ? tableId(pattern.table) : null;
}

/** True if the name or pattern names this table. Case counts. */
export function matchesTable(text: string, table: TableName): boolean {
  const pattern = parseTablePattern(text);
  switch (pattern?.kind) {
    case undefined:
      return false;
    case 'exact':
      return pattern.table.schema === table.schema && pattern.table.name === table.name;
    case 'pattern':
      return pattern.regex.test(`${table.schema}.${table.name}`);
  }
}

function unquote(part: string | undefined): string | null {
  if (part === undefined || !part.startsWith('"')) return part ?? null;
  try {
    return JSON.parse(part) as string;
  } catch {
    return null;
  }
}

/** A pattern is matched against the bare `schema.name`, so quoted parts of it are taken literally. */
function patternRegex(text: string): RegExp {
  const literal = (s: string): string => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  let source = '';
  let last = 0;
  const free = (s: string): string => literal(s).replaceAll('\\*', '.*').replaceAll('\\?', '.');
  for (const quoted of text.matchAll(QUOTED)) {
    source += free(text.slice(last, quoted.index)) + literal(unquote(quoted[0]) ?? quoted[0]);
    last = quoted.index + quoted[0].length;
  }
  return new RegExp(`^${source}${free(text.slice(last))}$`, 'su');
}

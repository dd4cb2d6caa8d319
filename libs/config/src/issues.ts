import { z } from 'zod';

/** What a zod issue comes to for people. */
export interface SettingProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly description?: string;
}

const ROW_FILTERS = new Set(['where', 'filter', 'filters', 'rows', 'rowfilter', 'row_filter', 'condition', 'predicate']);

/** Validates and says every problem in words: the setting, what it must be, and for a misspelt one what was meant. */
export function validate<S extends z.ZodType>(schema: S, data: unknown): { readonly ok: true; readonly data: z.output<S> } | { readonly ok: false; readonly problems: readonly SettingProblem[] } {
  const result = schema.safeParse(data);
  if (result.success) return { ok: true, data: result.data };
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  return { ok: false, problems: result.error.issues.flatMap((issue) => problemsOf(issue, data, shape)) };
}

function problemsOf(issue: z.core.$ZodIssue, data: unknown, shape: SchemaNode): SettingProblem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(nodeAt(shape, path)?.properties ?? {});
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownSetting(key, path, known) }));
  }
  if (valueAt(data, path) === undefined) {
    const help = nodeAt(shape, path)?.description;
    return [{ path, message: `is missing${help === undefined ? '' : `: ${help}`}` }];
  }
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return [{ path, message: `must be ${TYPE_WORDS[issue.expected] ?? `of type ${issue.expected}`}` }];
  }
  return [{ path, message: issue.message }];
}

const TYPE_WORDS: Readonly<Record<string, string>> = { object: 'a group of settings', record: 'a mapping of names to values', array: 'a list', string: 'a text' };

function unknownSetting(key: string, path: readonly PropertyKey[], known: readonly string[]): string {
  if (path[0] === 'tables' && ROW_FILTERS.has(key.toLowerCase())) {
    return 'is refused: row filters are not offered, since a row that enters or leaves the filter by an update could not be told from one inserted or deleted, and validation could not prove both sides equal; leave out columns or whole tables, or filter in a view on the warehouse';
  }
  const meant = closest(key, known);
  return `is not a setting${meant === null ? '' : `; did you mean '${meant}'?`}${meant === null && known.length > 0 ? ` (known here: ${known.join(', ')})` : ''}`;
}

function nodeAt(shape: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, part) => (typeof part === 'number' ? node?.items : node?.properties?.[String(part)]), shape);
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((node, part) => (typeof node === 'object' && node !== null ? (node as Record<PropertyKey, unknown>)[part] : undefined), data);
}

/** The known word nearest to `word`, if near enough to be meant. */
export function closest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

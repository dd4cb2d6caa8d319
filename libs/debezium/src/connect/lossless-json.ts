/** A JSON value whose numbers are kept as they are written. */
export type LosslessJson = string | boolean | null | JsonNumber | readonly LosslessJson[] | { readonly [key: string]: LosslessJson };

/** A number by its text: positions have 64 bits. */
export class JsonNumber {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

const MARK = '\u0000number:';
/** Strings are matched first, so that digits inside them stay. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @throws SyntaxError */
export function parseLossless(text: string): LosslessJson {
  const quoted = text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"\\u0000number:${token}"`));
  return JSON.parse(quoted, (_, value: unknown) => (typeof value === 'string' && value.startsWith(MARK) ? new JsonNumber(value.slice(MARK.length)) : value)) as LosslessJson;
}

export function stringifyLossless(value: LosslessJson): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(stringifyLossless).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}:${stringifyLossless(part)}`).join(',')}}`;
}

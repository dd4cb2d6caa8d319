/** A JSON value whose numbers are the texts that stood there. */
export type SlowJson = { readonly number: string } | string | boolean | null | readonly SlowJson[] | ReadonlyMap<string, SlowJson>;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// eslint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\n\r]*/y;

/** RFC 8259, word by word; as slow as it likes. @throws SyntaxError */
export function parseSlowly(bytes: Buffer): SlowJson {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  let at = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    at += found?.length ?? 0;
    return found;
  };
  const taken = (char: string): boolean => {
    match(BLANK);
    const is = text.startsWith(char, at);
    if (is) at += char.length;
    return is;
  };
  const need = (what: boolean): void => {
    if (!what) throw new SyntaxError(`at ${String(at)}`);
  };
  const string = (): string => {
    match(BLANK);
    const found = match(STRING);
    if (found === null) throw new SyntaxError(`at ${String(at)}`);
    return JSON.parse(found) as string;
  };
  const value = (): SlowJson => {
    if (taken('null')) return null;
    if (taken('true')) return true;
    if (taken('false')) return false;
    if (taken('{')) {
      const members = new Map<string, SlowJson>();
      if (taken('}')) return members;
      do {
        const name = string();
        need(taken(':'));
        members.set(name, value());
      } while (taken(','));
      need(taken('}'));
      return members;
    }
    if (taken('[')) {
      const items: SlowJson[] = [];
      if (taken(']')) return items;
      do items.push(value());
      while (taken(','));
      need(taken(']'));
      return items;
    }
    const number = match(NUMBER);
    return number === null ? string() : { number };
  };
  const result = value();
  match(BLANK);
  need(at === text.length);
  return result;
}

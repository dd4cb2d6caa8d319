/** With the `u` flag a pair is one character: only a half by itself is found. */
const HALF = /\p{Surrogate}/u;
const NOT_HELD_BY_ALL = /[\0\p{Surrogate}]/gu;

/** False for a text with half of a surrogate pair, as nvarchar of SQL Server may hold: it is no Unicode, and has no UTF-8. */
export function isWellFormed(text: string): boolean {
  return !HALF.test(text);
}

/** True for a text that both products hold, in their JSON too: PostgreSQL takes neither U+0000 nor half of a surrogate pair. */
export function isHeldByAll(text: string): boolean {
  return !text.includes('\0') && isWellFormed(text);
}

/** For people: what not every product holds shows as U+FFFD. */
export function legible(text: string): string {
  return text.replace(NOT_HELD_BY_ALL, '\ufffd');
}

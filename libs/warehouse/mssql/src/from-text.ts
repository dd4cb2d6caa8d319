import { isText } from './target';

/**
 * A cell's canonical text as a value of a column's type, on the server. NULL of NULL; a text that is no such value is an
 * error that parks. Texts stay as they are: CONVERT would cut a longer one off silently, an INSERT refuses it.
 */
export function fromText(type: string, text: string): string {
  if (isText(type)) return text;
  if (/^(?:binary|varbinary|image)\b/i.test(type)) return `CONVERT(${type}, SUBSTRING(${text}, 3, LEN(${text})), 2)`;
  if (/^bit\b/i.test(type)) return `CASE ${text} WHEN N't' THEN CONVERT(bit, 1) WHEN N'f' THEN CONVERT(bit, 0) ELSE CONVERT(bit, ${text}) END`;
  if (/^(?:datetime2|datetime|smalldatetime|time|date)\b/i.test(type)) return `CONVERT(${type}, ${text}, 121)`;
  return `CONVERT(${type}, ${text})`;
}

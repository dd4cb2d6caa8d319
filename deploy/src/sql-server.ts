import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Batches of a script, as sqlcmd and SSMS part them. */
export function sqlBatches(script: string): string[] {
  return script.split(/^GO\s*$/im).map((batch) => batch.trim()).filter((batch) => commentless(batch).trim() !== '');
}

/** Without comments to the end of a line; literals that hold `--` are not expected. */
export function commentless(sql: string): string {
  return sql.replace(/--[^\n]*/g, '');
}

export interface Fence {
  readonly text: string;
  /** Line of the page that it begins on. */
  readonly line: number;
  /** The line before it. */
  readonly before: string;
}

/** Fenced blocks of a language of a Markdown page. */
export function fencedBlocks(page: string, language: string): Fence[] {
  const lines = page.split('\n');
  return lines.flatMap((line, at) => {
    if (line !== `\`\`\`${language}`) return [];
    const end = lines.indexOf('```', at);
    return [{ text: lines.slice(at + 1, end).join('\n'), line: at + 2, before: lines[at - 1] ?? '' }];
  });
}

/** From a heading to the next of its level or above. */
export function section(page: string, heading: string): string {
  const lines = page.split('\n');
  const begin = lines.indexOf(heading);
  if (begin < 0) throw new RangeError(`the page has no heading ${heading}`);
  const level = heading.indexOf(' ');
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return [heading, ...(end < 0 ? rest : rest.slice(0, end))].join('\n');
}

/** Texts of all source files (not specs and fixtures) below some folders. */
export function codeTexts(root: string, folders: readonly string[], ending = '.ts'): string {
  return folders.flatMap((folder) => filesBelow(path.join(root, folder), ending)).map((file) => readFileSync(file, 'utf8')).join('\n');
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder).sort().flatMap((name) => {
    if (name === 'node_modules' || name === 'dist') return [];
    const file = path.join(folder, name);
    if (statSync(file).isDirectory()) return filesBelow(file, ending);
    return name.endsWith(ending) && !/\.(?:spec|fixture)\.ts$/.test(name) ? [file] : [];
  });
}

/** Rights that programs tell a DBA to grant (`GRANT …`), or ask the server about (in quotes). */
export function rightsIn(code: string): string[] {
  const granted = [...code.matchAll(/\bGRANT ((?:[A-Z]+(?:, | (?!TO\b|ON\b))?)+?)(?= (?:TO|to|ON) |`)/g)].map(([, right]) => right ?? '');
  const asked = [...code.matchAll(/'((?:VIEW|CREATE|ALTER ANY|CONTROL)(?: [A-Z]+)+)'/g)].map(([, right]) => right ?? '');
  return [...new Set([...granted, ...asked])].map((right) => right.trim()).sort();
}

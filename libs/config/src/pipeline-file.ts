import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml';
import { hasLiteralPassword } from './connection-url';
import { contradictions } from './contradictions';
import { validate, type SettingProblem } from './issues';
import { pipelineSchema, type PipelineConfig } from './pipeline-schema';
import { ConfigError, settingPath, type ConfigProblem } from './problem';
import { resolveReferences, type Environment } from './references';

/** What a pipeline file comes to. `config` is null exactly where `problems` is not empty. */
export interface CheckedPipeline {
  readonly file: string;
  readonly config: PipelineConfig | null;
  readonly problems: readonly ConfigProblem[];
  /** Accepted, but worth a word: secrets written into the file. */
  readonly warnings: readonly ConfigProblem[];
}

export interface LoadedPipeline extends CheckedPipeline {
  readonly config: PipelineConfig;
}

/** Checks the text of a pipeline file; never throws. @param file the name to use in problems */
export function checkPipelineText(text: string, file: string, env: Environment): CheckedPipeline {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = 'empty' in parsed ? [] : parsed;
  const [document] = documents;
  const problem = (at: readonly PropertyKey[], message: string): ConfigProblem => ({
    file,
    line: document === undefined ? null : lineOf(document, at, lines),
    setting: settingPath(at),
    message,
  });
  const fail = (problems: readonly ConfigProblem[]): CheckedPipeline => ({ file, config: null, problems, warnings: [] });

  const syntax = documents.flatMap((d) => d.errors);
  if (syntax.length > 0) return fail(syntax.map((e) => ({ file, line: lines.linePos(e.pos[0]).line, setting: '', message: `is no valid YAML: ${e.message}` })));
  if (document === undefined || documents.length > 1) {
    return fail([{ file, line: null, setting: '', message: document === undefined ? 'is empty; it must describe a pipeline' : 'holds several documents; give each pipeline a file of its own' }]);
  }
  const raw = toPlain(document);
  if (raw === null) return fail([{ file, line: null, setting: '', message: 'uses YAML aliases beyond measure; write the settings out' }]);
  const resolved = resolveReferences(raw, env);
  const shape = validate(pipelineSchema, resolved.value);
  // A setting whose reference failed would be reported a second time for being empty.
  const known = new Set(resolved.problems.map((p) => settingPath(p.path)));
  const found: SettingProblem[] = [...resolved.problems];
  if (!shape.ok) found.push(...shape.problems.filter((p) => !known.has(settingPath(p.path))));
  else if (found.length === 0) found.push(...contradictions(shape.data));
  if (found.length > 0 || !shape.ok) return fail(found.map((p) => problem(p.path, p.message)));
  return { file, config: shape.data, problems: [], warnings: literalSecrets(raw, shape.data).map((p) => problem(p.path, p.message)) };
}

/** The pipeline of one file. Throws `ConfigError` with everything that is wrong. */
export function loadPipelineFile(file: string, env: Environment): LoadedPipeline {
  return accept([readPipeline(file, env)])[0] as LoadedPipeline;
}

/** The same from text, for files given through the API or made by tests. */
export function loadPipelineText(text: string, env: Environment, file = 'pipeline.yaml'): LoadedPipeline {
  return accept([checkPipelineText(text, file, env)])[0] as LoadedPipeline;
}

function readPipeline(file: string, env: Environment): CheckedPipeline {
  const read = readText(file);
  return read.text === null ? unreadable(file, read.reason) : checkPipelineText(read.text, file, env);
}

/** A file as it is read; `reason` says why it could not be. */
export type FileText = { readonly text: string } | { readonly text: null; readonly reason: string };

export function readText(file: string): FileText {
  try {
    return { text: readFileSync(file, 'utf8') };
  } catch (error) {
    return { text: null, reason: reasonOf(error) };
  }
}

export function unreadable(file: string, reason: string): CheckedPipeline {
  return { file, config: null, warnings: [], problems: [{ file, line: null, setting: '', message: `cannot be read (${reason}); correct the path` }] };
}

/** Throws `ConfigError` with every problem, and `more` of them. */
export function accept(checked: readonly CheckedPipeline[], more: readonly ConfigProblem[] = []): LoadedPipeline[] {
  const problems = [...checked.flatMap((c) => c.problems), ...more];
  if (problems.length > 0) throw new ConfigError(problems);
  return checked.filter(isLoaded);
}

export function isLoaded(checked: CheckedPipeline): checked is LoadedPipeline {
  return checked.config !== null;
}

export function reasonOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
}

/** Null: aliases that multiply into something huge. */
function toPlain(document: Document): unknown {
  try {
    return (document.toJS({ maxAliasCount: 100 }) as unknown) ?? {};
  } catch (error) {
    if (error instanceof ReferenceError) return null;
    throw error;
  }
}

/** Line of the setting, or of the nearest group around it that exists. */
function lineOf(document: Document, at: readonly PropertyKey[], lines: LineCounter): number | null {
  for (let depth = at.length; depth > 0; depth -= 1) {
    const parent = document.getIn(at.slice(0, depth - 1), true);
    const last = at[depth - 1];
    const key = isMap(parent) ? parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === last)?.key : isSeq(parent) ? parent.items[Number(last)] : undefined;
    const range = key !== undefined && key !== null && typeof key === 'object' && 'range' in key ? (key.range as readonly number[] | null) : null;
    if (range?.[0] !== undefined) return lines.linePos(range[0]).line;
  }
  return null;
}

function literalSecrets(raw: unknown, config: PipelineConfig): SettingProblem[] {
  const file = raw as { tables?: { settings?: { columns?: { mask?: Record<string, { hash?: unknown } | null | 'null'> } }[] } };
  const out: SettingProblem[] = [];
  for (const path of [['source', 'url'], ['source', 'readUrl'], ['warehouse', 'url']]) {
    const url = textAt(raw, path);
    if (url !== null && hasLiteralPassword(url)) out.push({ path, message: 'holds a password in clear; better refer to the environment: ${…}' });
  }
  const secrets = [['stream', 'sasl', 'password'], ['stream', 'connect', 'password'], ...(/PRIVATE KEY/.test(textAt(raw, ['stream', 'tls', 'key']) ?? '') ? [['stream', 'tls', 'key']] : []), ...secretKeys(config)];
  for (const path of secrets) {
    if (!(textAt(raw, path) ?? '${').includes('${')) out.push({ path, message: 'holds a secret in clear; better refer to the environment: ${…}' });
  }
  config.tables.settings.forEach((setting, i) => {
    for (const column of Object.keys(setting.columns.mask)) {
      const mask = file.tables?.settings?.[i]?.columns?.mask?.[column];
      const hash = typeof mask === 'object' ? mask?.hash : undefined;
      if (typeof hash === 'string' && !hash.includes('${')) {
        out.push({ path: ['tables', 'settings', i, 'columns', 'mask', column, 'hash'], message: 'holds a secret in clear; better refer to the environment: ${…}' });
      }
    }
  });
  return out;
}

function textAt(raw: unknown, path: readonly string[]): string | null {
  const found = path.reduce<unknown>((node, part) => (typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[part] : undefined), raw);
  return typeof found === 'string' ? found : null;
}

/** Keys of the connector that hold secrets by their name, as `database.ssl.password` does. */
function secretKeys({ stream }: PipelineConfig): string[][] {
  if (stream.type !== 'kafka') return [];
  return Object.keys(stream.connector).filter((key) => /password|secret|jaas/i.test(key)).map((key) => ['stream', 'connector', key]);
}

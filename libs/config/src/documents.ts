import { z } from 'zod';
import { pipelineSchema } from './pipeline-schema';
import { serviceSchema } from './service-schema';
import { typesPage } from './types-page';

/** The part of JSON Schema our settings use. */
interface Node {
  type?: string | string[];
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: Node[];
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Node>;
  required?: readonly string[];
  additionalProperties?: boolean | Node;
  items?: Node;
  'x-unit'?: string;
  'x-default'?: string;
  'x-kind'?: string;
  'x-min'?: number;
  'x-max'?: number;
  'x-services'?: readonly string[];
}

/** Everything made from the schema: file below `docs/` → its text. A test holds the committed files equal to it. */
export function settingsDocuments(): ReadonlyMap<string, string> {
  return new Map([
    ['pipeline.schema.json', `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`],
    ['settings.md', settingsPage()],
    ['types.md', typesPage()],
  ]);
}

/** JSON Schema of a pipeline file as a person writes it, references not yet resolved. */
export function pipelineJsonSchema(): object {
  return { ...jsonSchema(pipelineSchema), title: 'elstream pipeline' };
}

function jsonSchema(schema: z.ZodType): Node {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline', override: ({ jsonSchema: node }) => asWritten(node as Node) }) as Node;
}

/** A quantity may be a number, a size or duration, or a reference: editors check the range of plain numbers only. */
function asWritten(node: Node): void {
  const { 'x-kind': kind, 'x-min': minimum, 'x-max': maximum } = node;
  if (kind === undefined || minimum === undefined || maximum === undefined) return;
  delete node['x-kind'];
  delete node['x-min'];
  delete node['x-max'];
  delete node.type;
  node.anyOf = [{ type: 'integer', minimum, maximum }, { type: 'string' }];
}

function settingsPage(): string {
  const pipeline = jsonSchema(pipelineSchema);
  const groups = Object.entries(pipeline.properties ?? {}).filter(([, node]) => node.properties !== undefined);
  const plain = Object.entries(pipeline.properties ?? {}).filter(([, node]) => node.properties === undefined);
  const required = new Set(pipeline.required ?? []);
  return [
    '<!-- Made by `npm run docs -w @elstream/config`; do not edit. -->',
    '# Settings',
    '',
    '## Pipeline file',
    '',
    'One YAML file per pipeline in `PIPELINES_DIR`. In any text value `${NAME}` stands for an environment variable, `${NAME:-default}` for one with a',
    'default, `$${` for the text `${` itself. Sizes may be written as `512MiB` or `10GiB`, durations as `250ms`, `10s`, `5min` or `1h`. Unknown settings,',
    'contradictions and settings without effect are refused at the start, all at once. Row filters are refused. With',
    '`# yaml-language-server: $schema=…/docs/pipeline.schema.json` as its first line an editor completes and checks the file.',
    '',
    ...table(plain.flatMap(([name, node]) => rows(name, node, required.has(name)))),
    ...groups.flatMap(([name, node]) => ['', `### ${name}`, '', node.description ?? '', '', ...table(rows(name, node, required.has(name)))]),
    '',
    '## Environment of a service',
    '',
    'Read at the start; unset and empty are the same. Nothing else is read, but for what pipeline files refer to.',
    '',
    ...table(rows('', jsonSchema(serviceSchema), true), true),
    '',
  ].join('\n');
}

interface SettingRow {
  readonly name: string;
  readonly fallback: string;
  readonly unit: string;
  readonly help: string;
  /** Which programs read it; empty where all are meant. */
  readonly services: readonly string[];
}

function table(lines: readonly SettingRow[], withServices = false): string[] {
  const row = (cells: readonly string[]): string => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  const more = (text: string): string[] => (withServices ? [text] : []);
  const head = ['setting', 'default', 'unit', 'meaning', ...more('read by')];
  return [row(head), `|${'---|'.repeat(head.length)}`, ...lines.map((l) => row([`\`${l.name}\``, l.fallback, l.unit, l.help, ...more(l.services.join(', '))]))];
}

const REQUIRED = '*required*';

/** A group becomes its settings, a list of groups `name[].setting`; everything else is one row. */
function rows(name: string, node: Node, required: boolean): SettingRow[] {
  const inner = node.properties ? node : node.items?.properties ? node.items : null;
  if (inner !== null) {
    const prefix = name === '' ? '' : `${name}${node.properties ? '' : '[]'}.`;
    const needed = new Set(inner.required ?? []);
    const inGroup = Object.entries(inner.properties ?? {}).flatMap(([key, child]) => rows(prefix + key, child, needed.has(key)));
    // What a group requires is required where the group is given.
    return node['x-default'] === undefined ? inGroup : inGroup.map((row) => (row.fallback === REQUIRED ? { ...row, fallback: `*required in ${name}*` } : row));
  }
  return [{ name, fallback: fallbackOf(node, required), unit: unitOf(node), help: node.description ?? '', services: node['x-services'] ?? [] }];
}

function fallbackOf(node: Node, required: boolean): string {
  if (node.default === undefined) return required ? REQUIRED : (node['x-default'] ?? '');
  const text = typeof node.default === 'string' ? node.default : JSON.stringify(node.default);
  return `\`${text}\``;
}

function unitOf(node: Node): string {
  if (node['x-unit'] !== undefined) return node['x-unit'];
  if (node.enum !== undefined) return node.enum.map((v) => `\`${String(v)}\``).join(', ');
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.type === 'array') return 'list';
  return node.additionalProperties === undefined ? 'text' : 'mapping';
}

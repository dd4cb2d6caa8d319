import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { type KubernetesObject } from '@elstream/servers';
import ts from 'typescript';

const root = path.join(__dirname, '..', '..');
const nameOf = ({ kind, metadata }: KubernetesObject): string => `${kind} ${metadata.name}`;

/** What the schemas of `kubernetes-models` have against the objects: missing fields, wrong types, patterns. Unknown fields pass. */
export function schemaProblems(objects: readonly KubernetesObject[]): string[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(__dirname, 'schema-main.ts')], {
    input: JSON.stringify(objects),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`the schemas could not be read: ${stderr}`);
  return (JSON.parse(stdout) as string[][]).flatMap((problems, i) => problems.map((problem) => `${objects[i] ? nameOf(objects[i]) : ''}: ${problem}`));
}

const VIRTUAL = path.join(__dirname, 'rendered.virtual.mts');

/**
 * Fields and enumerated values that Kubernetes does not know. The API server refuses (or worse, drops) them, the JSON
 * schemas let them pass; TypeScript does not: the objects are checked as literals of the package's types.
 */
export function fieldProblems(objects: readonly KubernetesObject[]): string[] {
  const lines = objects.map((object, i) => `import type { I${object.kind} as K${String(i)} } from 'kubernetes-models/${object.apiVersion}'; export const o${String(i)}: K${String(i)} = ${JSON.stringify(object)};`);
  const options: ts.CompilerOptions = { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, types: [] };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const text = lines.join('\n');
  host.getSourceFile = (file, ...rest) => (file === VIRTUAL ? ts.createSourceFile(file, text, ts.ScriptTarget.ES2022) : getSourceFile.call(host, file, ...rest));
  host.fileExists = (file) => file === VIRTUAL || fileExists.call(host, file);
  host.readFile = (file) => (file === VIRTUAL ? text : readFile.call(host, file));
  const program = ts.createProgram([VIRTUAL], options, host);
  const source = program.getSourceFile(VIRTUAL);
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) => {
    const line = source && diagnostic.start !== undefined ? source.getLineAndCharacterOfPosition(diagnostic.start).line : 0;
    return `${objects[line] ? nameOf(objects[line]) : ''}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
  });
}

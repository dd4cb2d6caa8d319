import { init, parse } from '@guanmingchiu/sqlparser-ts';
import { rewritten } from './tsql-gaps';
import { treeProblems } from './tsql-rules';
import { textProblems } from './tsql-text';

// Started by `tsqlProblems` as a process of its own, as the parser is WebAssembly that jest cannot load: JSON texts in,
// for each the list of problems out.
async function main(): Promise<void> {
  await init();
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  const statements = JSON.parse(Buffer.concat(pieces).toString('utf8')) as string[];
  process.stdout.write(JSON.stringify(statements.map(problemsOf)));
}

function problemsOf(statement: string): string[] {
  const text = textProblems(statement);
  let tree: unknown;
  try {
    tree = parse(rewritten(statement), 'mssql');
  } catch (error) {
    return [...text, `not parsed: ${error instanceof Error ? error.message : String(error)}`];
  }
  return [...text, ...treeProblems(tree)];
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { NOT_PARSED, tsqlProblems } from './tsql-problems';

/** A statement that a project can issue, as held in its golden file. */
export interface GoldenStatement {
  /** The file's name without ending: lower-case letters, digits and hyphens. */
  readonly name: string;
  readonly sql: string;
  /** Where what it relies on is documented; the first line of the golden file. */
  readonly docs?: string;
  /** Correct, but beyond the grammar: the address of its documentation. A statement that can be parsed must not say so. */
  readonly unparsed?: string;
}

const FILE_NAME = /^[a-z0-9][a-z0-9-]*$/;

const textOf = ({ sql, docs }: GoldenStatement): string => `${docs === undefined ? '' : `-- ${docs}\n`}${sql.trimEnd()}\n`;

/**
 * Declares jest tests: each statement is what `<dirname>/golden/<name>.sql` holds, the grammar finds nothing in it, and
 * no file is without its statement. `UPDATE_GOLDEN=1` writes the files (and removes those) instead of comparing.
 */
export function goldenStatements(dirname: string, statements: readonly GoldenStatement[]): void {
  const folder = path.join(dirname, 'golden');
  const update = process.env['UPDATE_GOLDEN'] === '1';
  if (update) writeAll(folder, statements);
  describe('the statements that can be issued', () => {
    it.each(statements.map((statement) => [statement.name, statement] as const))('%s is as its golden file', (name, statement) => {
      const file = path.join(folder, `${name}.sql`);
      if (!existsSync(file)) throw new Error(`${file} is missing; look the statement over and write it with UPDATE_GOLDEN=1`);
      expect(textOf(statement)).toBe(readFileSync(file, 'utf8'));
    });

    describe('by the grammar', () => {
      const problems = tsqlProblems(statements.map(({ sql }) => sql));
      const of = (wanted: boolean): [string, readonly string[], string][] => statements.flatMap(({ name, unparsed }, i) => (wanted === (unparsed !== undefined) ? [[name, problems[i] ?? [], unparsed ?? '']] : []));
      const [unparsed, parsed] = [of(true), of(false)];
      if (parsed.length > 0) {
        it.each(parsed)('%s is T-SQL', (_name, found) => {
          expect(found).toEqual([]);
        });
      }
      // By name, so that everybody sees which were looked over by people alone.
      if (unparsed.length > 0) {
        it.each(unparsed)('%s COULD NOT BE PARSED, it is documented elsewhere', (_name, found, docs) => {
          expect(docs).toMatch(/^https:\/\/learn\.microsoft\.com\//);
          expect(found.filter((problem) => problem.startsWith(NOT_PARSED))).toHaveLength(1);
        });
      }
    });

    it('have names of their own, and there is no golden file without a statement', () => {
      const names = statements.map(({ name }) => name);
      expect(names.filter((name, at) => !FILE_NAME.test(name) || names.indexOf(name) !== at)).toEqual([]);
      expect(filesOf(folder).sort()).toEqual(names.map((name) => `${name}.sql`).sort());
    });
  });
}

const filesOf = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

function writeAll(folder: string, statements: readonly GoldenStatement[]): void {
  mkdirSync(folder, { recursive: true });
  for (const file of filesOf(folder)) rmSync(path.join(folder, file));
  for (const statement of statements) writeFileSync(path.join(folder, `${statement.name}.sql`), textOf(statement));
}

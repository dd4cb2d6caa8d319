import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tsqlProblems } from './tsql-problems';

/** A statement that a project can issue, as held in its golden file. */
export interface GoldenStatement {
  /** The file's name without ending: lower-case letters, digits and hyphens. */
  readonly name: string;
  readonly sql: string;
  /** Where what it relies on is documented; the first line of the golden file. */
  readonly docs?: string;
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

    if (tsqlProblems !== null) {
      const check = tsqlProblems;
      it.each(statements.map(({ name, sql }) => [name, sql] as const))('%s is T-SQL by the grammar', (_name, sql) => {
        expect(check(sql)).toEqual([]);
      });
    }

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

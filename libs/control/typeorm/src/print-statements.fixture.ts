import { recordStatements } from './recorded-statements.fixture';

// Started by statements() as a process of its own.
recordStatements().then(
  (statements) => process.stdout.write(JSON.stringify(statements)),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  },
);

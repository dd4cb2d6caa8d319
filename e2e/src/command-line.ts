/** One line on stdout. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A command that has said its verdict ends after this long, whatever is still open: a client whose server is gone tries again without end. */
const LINGER_MS = 10_000;

/** Runs a command to its exit code; what it throws is shown and is exit code 1. */
export function runMain(main: () => Promise<number>): void {
  const end = (code: number): void => {
    process.exitCode = code;
    setTimeout(() => process.exit(code), LINGER_MS).unref();
  };
  main().then(end, (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    end(1);
  });
}

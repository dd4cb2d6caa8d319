/** One line on stdout. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs a command to its exit code; what it throws is shown and is exit code 1. */
export function runMain(main: () => Promise<number>): void {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      say(error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.exitCode = 1;
    },
  );
}

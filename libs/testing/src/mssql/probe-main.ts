import { probeServerFeatures } from './server-features';

// Started by serverFeatures() as a process of its own: prints the names of what the server has.
probeServerFeatures().then(
  (features) => process.stdout.write(JSON.stringify([...features])),
  (error: unknown) => {
    process.stderr.write(`the server at MSSQL_URL could not be probed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);

import { describeError, type Logger } from '@elstream/core';
import { identify } from '@elstream/embedded-postgres';
import { createLogger } from '@elstream/observability';
import { failure } from '../failure';
import { kindNamed, type ServerKind, type StartedServer } from './kinds';
import { readSetState, type SetFiles, setFiles, writeSetState } from './state';

/** What the supervisor is told on its command line, as one JSON text; given values come by the environment of a shell, and are in the state. */
export interface Orders {
  readonly varDir: string;
  readonly start: readonly string[];
}

/** The process that holds a set's servers, so that they outlive the command that started them. Ended by SIGTERM. */
async function main({ varDir, start }: Orders): Promise<void> {
  const logger = createLogger({ level: 'info', fields: { service: 'servers' } });
  const files = setFiles(varDir);
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => stopping.abort());
  const asked = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  const supervisor = identify(process.pid);
  if (!supervisor) throw new Error('this process cannot be identified');
  // Before anything is started: whoever comes next finds us and can end us.
  const before = readSetState(files);
  writeSetState(files, { ...before, supervisor, ready: false, started: start });
  const servers = await startAll(files, start, logger);
  try {
    if (!stopping.signal.aborted) {
      const values = Object.fromEntries([...servers].map(([name, { value }]) => [kindNamed(name).variable, value]));
      writeSetState(files, { ...before, supervisor, ready: true, started: start, values: { ...before.values, ...values } });
      const alive = setInterval(() => undefined, 3_600_000);
      await asked;
      clearInterval(alive);
    }
  } finally {
    await stopAll(servers, logger);
    const { supervisor: _us, ...rest } = readSetState(files);
    writeSetState(files, { ...rest, ready: false, started: [] });
  }
}

/** All at once; one that needs another waits for it. What fails stops what had started. */
async function startAll(files: SetFiles, names: readonly string[], logger: Logger): Promise<Map<string, StartedServer>> {
  const { values, given } = readSetState(files);
  const starting = new Map<string, Promise<StartedServer>>();
  const valueOf = async (variable: string): Promise<string> => {
    const started = starting.get(variable);
    const value = started ? (await started).value : given[variable];
    if (value === undefined) throw failure(`${variable} is needed, but no such server is started; name one in ${variable}`);
    return value;
  };
  const startOne = async (kind: ServerKind): Promise<StartedServer> => {
    await kind.find();
    return kind.start({ folder: files.of(kind.name), remembered: values[kind.variable], logger: logger.child({ server: kind.name }), valueOf });
  };
  for (const kind of names.map(kindNamed)) starting.set(kind.variable, startOne(kind));
  const results = await Promise.allSettled(names.map(async (name) => [name, await starting.get(kindNamed(name).variable)] as const));
  const started = new Map(results.flatMap((r) => (r.status === 'fulfilled' && r.value[1] ? [[r.value[0], r.value[1]] as const] : [])));
  const failed = results.find((r) => r.status === 'rejected');
  if (!failed) return started;
  await stopAll(started, logger);
  throw failed.reason;
}

/** Connect before its Kafka, which it would else miss for as long as it is stopping. */
async function stopAll(servers: ReadonlyMap<string, StartedServer>, logger: Logger): Promise<void> {
  const connect = servers.get('connect');
  if (connect) await stopThese(new Map([['connect', connect]]), logger);
  await stopThese(new Map([...servers].filter(([name]) => name !== 'connect')), logger);
}

async function stopThese(servers: ReadonlyMap<string, StartedServer>, logger: Logger): Promise<void> {
  await Promise.all(
    [...servers].map(async ([server, { stop }]) => {
      try {
        await stop();
      } catch (error) {
        logger.error({ server, error: describeError(error) }, 'a server did not stop well');
      }
    }),
  );
}

main(JSON.parse(process.argv[2] ?? '{}') as Orders).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exit(1);
  },
);

import { describeError } from '@elstream/core';
import { redactText } from '@elstream/observability';
import { parseArgs } from 'node:util';
import { down, type ServerStatus, type SetOptions, status, up } from './server-set';

const USAGE = `usage: npm run servers -- up|down|status

  up      starts Redis, two PostgreSQL servers (source and warehouse), Kafka, and Kafka Connect with Debezium's connectors,
          on free ports of 127.0.0.1, where they go on running, and prints what a shell needs to use them:
          eval "$(npm run -s servers -- up)"
          What runs already is left alone. With REDIS_URL, KAFKA_BROKERS (host:port,host:port) or CONNECT_URL set, that
          server is checked and used, and none is started. Kafka needs a Java of 17 or newer;
          --without kafka,connect starts the rest without them
  status  says what runs; exit code 0 if all do, else 1
  down    stops them; their data is kept for the next up, unless --delete is given

Their files lie in the folder servers under VAR_DIR (default ./var).`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Resolves to the exit code: 0, 1 when servers do not run or could not be started (said on stderr), 2 for wrong arguments. */
async function main(argv: readonly string[]): Promise<number> {
  let command: string;
  let discard: boolean;
  let without: string[];
  try {
    const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: { delete: { type: 'boolean', default: false }, without: { type: 'string', default: '' }, help: { type: 'boolean', short: 'h', default: false } } });
    if (values.help) {
      print(USAGE);
      return 0;
    }
    command = positionals[0] ?? '';
    discard = values.delete;
    without = values.without.split(',').filter(Boolean);
    const known = ['up', 'down', 'status'].includes(command) && positionals.length === 1;
    if (!known || (discard && command !== 'down') || (without.length > 0 && command !== 'up')) throw new Error(`not understood: ${argv.join(' ') || 'nothing'}`);
  } catch (error) {
    say(`${describeError(error)}\n\n${USAGE}`);
    return 2;
  }
  const options: SetOptions = { varDir: process.env['VAR_DIR'] || './var', env: process.env };
  try {
    return await carryOut(command, { ...options, discard, without });
  } catch (error) {
    say(redactText(describeError(error)));
    return 1;
  }
}

async function carryOut(command: string, { discard, without, ...options }: SetOptions & { discard: boolean; without: readonly string[] }): Promise<number> {
  switch (command) {
    case 'up': {
      const servers = await up(options, without);
      for (const server of servers) say(line(server));
      for (const { kind, value } of servers) if (value !== undefined) print(`export ${kind.variable}=${quote(value)}`);
      return 0;
    }
    case 'status': {
      const servers = await status(options);
      for (const server of servers) print(line(server));
      return servers.every((server) => server.up) ? 0 : 1;
    }
    default: {
      const ran = await down(options, discard);
      say(`${ran ? 'stopped' : 'nothing ran'}${discard ? ', data deleted' : ''}`);
      return 0;
    }
  }
}

/** For people: where and what, never the password. */
function line({ kind, up: isUp, said, given, value }: ServerStatus): string {
  // Brokers are no address, and hold no password.
  const where = value === undefined ? '' : value.includes('://') ? new URL(value).host : value;
  return `${kind.name.padEnd(9)} ${isUp ? 'up  ' : 'down'} ${[where, said, given ? `given by ${kind.variable}` : ''].filter(Boolean).join(', ')}`;
}

/** One word for a shell, whatever is in it. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(describeError(error));
    process.exit(1);
  },
);

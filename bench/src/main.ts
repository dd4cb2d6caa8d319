import os from 'node:os';
import { describeError } from '@elstream/core';
import { createBench, type Bench } from './bench';
import { benchLatency } from './latency';
import { ratio, table, type Measurement } from './measurement';
import { benchMemory } from './memory';
import { parseOptions, USAGE, type BenchOptions, type Part } from './options';
import { benchPreload } from './preload';
import { describeServer, startServers } from './servers';
import { benchStream } from './stream';
import { benchValidation } from './validation';

const RUN: Readonly<Record<Part, (bench: Bench) => Promise<Measurement[]>>> = { preload: benchPreload, stream: benchStream, latency: benchLatency, memory: benchMemory, validation: benchValidation };

/** Measures and prints, asserts nothing: a readable table, and one line of JSON as the last of stdout. */
async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n\n${USAGE}`);
    return 2;
  }
  await using servers = await startServers(process.env['VAR_DIR'] ?? './var');
  const bench = createBench(servers, options, (line) => void process.stderr.write(`${line}\n`));
  const [cpu] = os.cpus();
  const machine = { cores: os.cpus().length, cpu: cpu?.model ?? '', memoryGiB: Math.round(os.totalmem() / 2 ** 30), node: process.version, loadBefore: os.loadavg()[0] ?? 0 };
  const postgres = await describeServer(servers.warehouse);
  const measured: Measurement[] = [];
  for (const part of options.parts) measured.push(...(await RUN[part](bench)));
  const loadAfter = os.loadavg()[0] ?? 0;
  const lines = [
    '',
    `machine    ${String(machine.cores)} cores (${machine.cpu}), ${String(machine.memoryGiB)} GiB, Node ${machine.node}; load ${machine.loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`,
    `servers    PostgreSQL ${postgres.version}, two: ${Object.entries(postgres.settings).map(([name, value]) => `${name} ${value}`).join(', ')}`,
    '',
    table(measured),
    '',
    JSON.stringify({ bench: 'ok', machine: { ...machine, loadAfter }, postgres, measured: measured.map((m) => ({ ...m, ratio: ratio(m) })) }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);

import os from 'node:os';
import { describeError } from '@elstream/core';
import { createBench, type Bench } from './bench';
import { benchDecode } from './decode';
import { benchKafkaStream } from './kafka-stream';
import { benchLatency } from './latency';
import { ratio, table, type Measurement } from './measurement';
import { benchMemory } from './memory';
import { parseOptions, USAGE, type BenchOptions, type Part } from './options';
import { benchPreload } from './preload';
import { describeServer, startServers } from './servers';
import { benchStream } from './stream';
import { benchValidation } from './validation';

/** Parts that work with servers. */
const RUN: Readonly<Record<Exclude<Part, 'decode'>, (bench: Bench) => Promise<Measurement[]>>> = { preload: benchPreload, stream: (bench) => (bench.options.kafka ? benchKafkaStream(bench) : benchStream(bench)), latency: benchLatency, memory: benchMemory, validation: benchValidation };

/** Measures and prints, asserts nothing: a readable table, and one line of JSON as the last of stdout. */
async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n\n${USAGE}`);
    return 2;
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const [cpu] = os.cpus();
  const machine = { cores: os.cpus().length, cpu: cpu?.model ?? '', memoryGiB: Math.round(os.totalmem() / 2 ** 30), node: process.version, loadBefore: os.loadavg()[0] ?? 0 };
  // first: a server that stands by would take its share of the cores
  const decoded = options.parts.includes('decode') ? benchDecode(say) : [];
  const { postgres, measured: others } = await withServers(options, say);
  const measured = [...decoded, ...others];
  const loadAfter = os.loadavg()[0] ?? 0;
  const lines = [
    '',
    `machine    ${String(machine.cores)} cores (${machine.cpu}), ${String(machine.memoryGiB)} GiB, Node ${machine.node}; load ${machine.loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`,
    postgres === null ? 'servers    none' : `servers    PostgreSQL ${postgres.version}, two: ${Object.entries(postgres.settings).map(([name, value]) => `${name} ${value}`).join(', ')}`,
    '',
    table(measured),
    '',
    JSON.stringify({ bench: 'ok', machine: { ...machine, loadAfter }, postgres, measured: measured.map((m) => ({ ...m, ratio: ratio(m) })) }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** Runs the parts that need servers, if any is asked for. */
async function withServers(options: BenchOptions, say: (line: string) => void): Promise<{ readonly postgres: Awaited<ReturnType<typeof describeServer>> | null; readonly measured: Measurement[] }> {
  const parts = options.parts.filter((part) => part !== 'decode');
  const measured: Measurement[] = [];
  if (parts.length === 0) return { postgres: null, measured };
  await using servers = await startServers(process.env['VAR_DIR'] ?? './var');
  const bench = createBench(servers, options, say);
  const postgres = await describeServer(servers.warehouse);
  for (const part of parts) measured.push(...(await RUN[part](bench)));
  return { postgres, measured };
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);

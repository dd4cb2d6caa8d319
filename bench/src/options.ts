import { parseArgs } from 'node:util';

export const PARTS = ['preload', 'stream', 'latency', 'memory', 'validation', 'decode'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly parts: readonly Part[];
  /** Rows of the preloaded table. */
  readonly rows: number;
  /** Changes per transaction size in the stream part. */
  readonly changes: number;
  /** Whether the stream part goes through Debezium and Kafka. */
  readonly kafka: boolean;
  /** Rows per transaction in the stream part. */
  readonly transactionRows: readonly number[];
  /** Length of the latency part, seconds, and its changes per second. */
  readonly seconds: number;
  readonly rate: number;
  /** Rows preloaded and rows of the one transaction in the memory part. */
  readonly memoryRows: number;
  readonly transaction: number;
  /** Rows of the equal table in the validation part. */
  readonly validationRows: number;
  /** Whether the peers run too. */
  readonly peers: boolean;
  /** Start-up options of the product's Node process. */
  readonly nodeOptions: string;
  /** Log of the product's process on stderr. */
  readonly verbose: boolean;
  /** Further lines of the pipeline file, YAML. */
  readonly pipeline: string;
}

export const USAGE = `npm run bench -- [preload] [stream] [latency] [memory] [validation] [decode]     default: preload stream latency validation
  --rows N          rows of the preloaded table (1000000)
  --changes N       changes streamed per transaction size (200000; with --kafka 100000)
  --kafka           the stream part from filled topics of Kafka, which Debezium writes (KAFKA_BROKERS and CONNECT_URL: yours)
  --transaction-rows 1,10,1000
  --seconds N       length of the latency part (20)
  --rate N          changes per second in the latency part (1000)
  --memory-rows N   rows preloaded in the memory part (2000000)
  --transaction N   rows of its one transaction (1000000)
  --validation-rows N  rows of the equal table validated (2000000)
  --no-peers        the product alone
  --node-options=S  options of the product's Node process, e.g. --node-options="--cpu-prof --cpu-prof-dir=var/prof"
  --pipeline YAML   further settings of the pipeline file, e.g. "preload: { workers: 2 }"
  --verbose         the product's log on stderr
`;

/** Throws on an option or part that does not exist, or a number that is none. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '1000000' },
      changes: { type: 'string' },
      kafka: { type: 'boolean', default: false },
      'transaction-rows': { type: 'string', default: '1,10,1000' },
      seconds: { type: 'string', default: '20' },
      rate: { type: 'string', default: '1000' },
      'memory-rows': { type: 'string', default: '2000000' },
      transaction: { type: 'string', default: '1000000' },
      'validation-rows': { type: 'string', default: '2000000' },
      'no-peers': { type: 'boolean', default: false },
      'node-options': { type: 'string', default: '' },
      pipeline: { type: 'string', default: '' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const parts = positionals.map((name) => {
    const part = PARTS.find((p) => p === name);
    if (part === undefined) throw new RangeError(`there is no part ${name}; parts are ${PARTS.join(', ')}`);
    return part;
  });
  return {
    parts: parts.length === 0 ? ['preload', 'stream', 'latency', 'validation'] : parts,
    rows: count('rows', values.rows),
    changes: count('changes', values.changes ?? (values.kafka ? '100000' : '200000')),
    kafka: values.kafka,
    transactionRows: values['transaction-rows'].split(',').map((n) => count('transaction-rows', n)),
    seconds: count('seconds', values.seconds),
    rate: count('rate', values.rate),
    memoryRows: count('memory-rows', values['memory-rows']),
    transaction: count('transaction', values.transaction),
    validationRows: count('validation-rows', values['validation-rows']),
    peers: !values['no-peers'],
    nodeOptions: values['node-options'],
    verbose: values.verbose,
    pipeline: values.pipeline,
  };
}

function count(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number above 0, not ${text}`);
  return value;
}

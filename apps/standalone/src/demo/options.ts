import { parseArgs } from 'node:util';
import { type SampleSize } from '../sample';

export interface DemoOptions {
  /** Rows over the four tables before the writer begins. */
  readonly rows: number;
  /** The writer writes at least this long. */
  readonly seconds: number;
  /** Change one warehouse row before comparing: both comparisons must find it. */
  readonly damageAfter: boolean;
  /** The services as processes of their own over Redis, as the Kubernetes manifests describe them. */
  readonly services: boolean;
  /** `kafka`: Debezium captures, Kafka carries, two streamers share the partitions; with services of their own only. */
  readonly stream: 'direct' | 'kafka';
}

export const DEFAULT_ROWS = 320_000;
/** Beside eight processes of ours run two of Java and two databases; they want the processors too. */
export const DEFAULT_ROWS_KAFKA = 50_000;
export const DEFAULT_SECONDS = 10;

export const USAGE = `npm run demo -- [options]
  --rows N        rows seeded over the four tables (default ${String(DEFAULT_ROWS)}, with --kafka ${String(DEFAULT_ROWS_KAFKA)})
  --seconds N     the writer writes at least this long (default ${String(DEFAULT_SECONDS)})
  --damage-after  change one row of the warehouse before comparing: the demo must then fail
  --services      four services in several processes over Redis, started from deploy/k8s/overlays/dev (default: one process)
  --kafka         the same by way of Debezium and Kafka, from deploy/k8s/overlays/dev-kafka: three partitions per table, two streamers;
                  needs Java 17, or Kafka and Connect of yours, on this machine, in KAFKA_BROKERS and CONNECT_URL
  --help          this text`;

/** Null: help is wanted. Throws a RangeError that names the option. */
export function parseOptions(args: readonly string[]): DemoOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string' },
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      'damage-after': { type: 'boolean', default: false },
      services: { type: 'boolean', default: false },
      kafka: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    rows: whole('rows', values.rows ?? String(values.kafka ? DEFAULT_ROWS_KAFKA : DEFAULT_ROWS), [1_000, 5_000_000]),
    seconds: whole('seconds', values.seconds, [0, 120]),
    damageAfter: values['damage-after'],
    services: values.services || values.kafka,
    stream: values.kafka ? 'kafka' : 'direct',
  };
}

function whole(name: string, text: string, [min, max]: readonly [number, number]): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new RangeError(`--${name} must be a whole number from ${String(min)} to ${String(max)}, not '${text}'`);
}

/** Shares of the tables as in the sample: mostly orders. */
export function sampleSize(rows: number): SampleSize {
  const products = Math.round(rows * 0.04);
  const customers = Math.round(rows * 0.15);
  return { products, customers, orders: rows - customers - 2 * products };
}

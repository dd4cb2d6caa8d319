import path from 'node:path';
import { type BenchOptions } from './options';
import { Product } from './product';
import { type Servers } from './servers';
import { withClient } from './sql';

/** What every part works with. */
export interface Bench {
  readonly servers: Servers;
  readonly options: BenchOptions;
  /** A line for people on stderr. */
  say(line: string): void;
  /** A fresh installation of the product: empty target, no control tables, no slot. Removed again afterwards. */
  withProduct<T>(work: (product: Product) => Promise<T>, beside?: Beside): Promise<T>;
}

/** What an installation has beyond the servers. */
export interface Beside {
  /** Further settings of the pipeline file, YAML. */
  readonly pipeline: string;
  /** Removes what would hold the slot. */
  release(): Promise<void>;
}

export function createBench(servers: Servers, options: BenchOptions, say: (line: string) => void): Bench {
  const entry = ['--enable-source-maps', path.join(path.dirname(require.resolve('@elstream/standalone')), 'main.js')];
  return {
    servers,
    options,
    say,
    withProduct: async (work, beside) => {
      await removeProduct(servers);
      const product = await Product.start({ ...servers, ...options, pipeline: `${beside?.pipeline ?? ''}\n${options.pipeline}`, entry });
      try {
        return await work(product);
      } finally {
        await product[Symbol.asyncDispose]();
        await beside?.release();
        await removeProduct(servers);
      }
    },
  };
}

async function removeProduct({ sourceUrl, warehouseUrl }: Servers): Promise<void> {
  await withClient(warehouseUrl, (client) => client.query('DROP SCHEMA IF EXISTS elstream CASCADE; DROP SCHEMA IF EXISTS product CASCADE'));
  await withClient(sourceUrl, async (client) => {
    await client.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'elstream%'`);
    await client.query('DROP PUBLICATION IF EXISTS elstream_bench; DROP SCHEMA IF EXISTS elstream CASCADE');
  });
}

import { silentLogger, type BucketChecksum, type BucketChoice, type KeyDigest, type KeyRange, type TableMapping } from '@elstream/core';
import { connectPostgres, copyIn, DEFAULT_TIMEOUTS, quoteName, quoteTable, readChecksums, readDigests, type DigestRows } from '@elstream/database';
import { describeOne, EVERYTHING, mappingOf, openSource, running, type SourceContext } from './source-fixture.fixture';

/** A described source table beside a copy of it with the columns a warehouse would have: schema `copy`, same database. */
export interface Copied {
  readonly context: SourceContext;
  readonly mapping: TableMapping;
  readonly ofSource: (range?: KeyRange, buckets?: number) => Promise<readonly BucketChecksum[]>;
  readonly ofCopy: (buckets?: number) => Promise<readonly BucketChecksum[]>;
  readonly digestsOfSource: (buckets?: BucketChoice, range?: KeyRange) => Promise<readonly KeyDigest[]>;
  readonly digestsOfCopy: (buckets?: BucketChoice) => Promise<readonly KeyDigest[]>;
  readonly with: (mapping: TableMapping) => Copied;
  /** The same of some columns alone. */
  readonly only: (columns: readonly string[]) => Copied;
  [Symbol.asyncDispose](): Promise<void>;
}

export const ONE_BUCKET: BucketChoice = { of: 1, which: [0] };
export const BUCKETS = 8;

/** Copies as a preload does: what COPY prints at the source is what COPY reads into the copy. */
export async function openCopied(setup: string, table = 'public.t'): Promise<Copied> {
  const context = await openSource(setup);
  const described = mappingOf(await describeOne(context.source, table));
  const mapping: TableMapping = { ...described, target: { schema: 'copy', name: described.target.name } };
  const dataSource = await connectPostgres({ url: context.db.url, applicationName: 'test', maxConnections: 2, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger });
  const columns = mapping.columns.map((c) => `${quoteName(c.target)} ${c.targetType}`);
  await context.db.query(`CREATE SCHEMA copy; CREATE TABLE ${quoteTable(mapping.target)} (${columns.join(', ')})`);
  const runner = dataSource.createQueryRunner();
  await copyIn(runner, `COPY ${quoteTable(mapping.target)} FROM STDIN`, (await context.source.readChunk(mapping, EVERYTHING, running())).rows);
  await runner.release();
  const over = (mapped: TableMapping): Copied => {
    const rows: DigestRows = { mapping: mapped, side: 'target', utf8: true, from: `${quoteTable(mapped.target)} AS t` };
    return {
      context,
      mapping: mapped,
      ofSource: (range = EVERYTHING, buckets = BUCKETS) => context.source.checksums(mapped, range, buckets, running()),
      ofCopy: (buckets = BUCKETS) => readChecksums(dataSource, rows, buckets, running()),
      digestsOfSource: (buckets = ONE_BUCKET, range = EVERYTHING) => context.source.digests(mapped, range, buckets, running()),
      digestsOfCopy: (buckets = ONE_BUCKET) => readDigests(dataSource, rows, buckets, running()),
      with: over,
      only: (names) => {
        const kept = mapped.columns.filter((c) => names.includes(c.source));
        return over({ ...mapped, columns: kept, key: mapped.key.map((i) => kept.findIndex((c) => c === mapped.columns[i])) });
      },
      async [Symbol.asyncDispose]() {
        await dataSource.destroy();
        await context[Symbol.asyncDispose]();
      },
    };
  };
  return over(mapping);
}

/** Comparable whatever order a database gives them in. */
export const sorted = (sums: readonly BucketChecksum[]): string[] => sums.map((s) => `${s.bucket} ${s.rows} ${s.checksum}`).sort();
export const sortedKeys = (digests: readonly KeyDigest[]): string[] => digests.map((d) => `${JSON.stringify(d.key)} ${d.digest}`).sort();

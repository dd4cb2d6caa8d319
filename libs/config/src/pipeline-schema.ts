import { productOfUrl, type Product } from '@elstream/core';
import { z } from 'zod';
import { urlProblem } from './connection-url';
import { TYPE_NAME } from './explicit-type';
import { historySetting } from './history-setting';
import { isName, MAX_NAME_LENGTH } from './name-limit';
import { choice, flag, integer, milliseconds, optionalBytes, optionalInteger, parseQuantity, text, unset } from './setting';
import { streamGroup, streamSettings } from './stream-setting';
import { parseTablePattern } from './table-pattern';

/** A keyed hash with a short key is undone by trying. */
export const MIN_HASH_SECRET = 16;

/** What either product takes; which of the two, and so its own limit, is known when the file is read as a whole. */
const identifier = (help: string) => text(help, `a name of 1 to ${MAX_NAME_LENGTH.mssql} characters`, (name) => isName(name, 'mssql'));
const url = (help: string) =>
  z
    .string({ error: `${urlProblem('') ?? ''}` })
    .superRefine((given, context) => {
      const problem = urlProblem(given);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .meta({ description: help });
const PRODUCTS = ['postgres', 'mssql'] as const satisfies readonly Product[];
const product = unset(z.enum(PRODUCTS, { error: "must be 'postgres' or 'mssql'" }), 'Database product; must agree with the URL.', 'that of the URL');
const tablePattern = (help: string) =>
  text(help, `schema.table or a pattern with * and ?; parts with dots in double quotes (public."a.b")`, (name) => parseTablePattern(name) !== null);

const chunkRowsBounds = { min: 100, max: 10_000_000, unit: 'rows' } as const;

const mask = z
  .union([z.null(), z.literal('null'), z.strictObject({ hash: z.string().meta({ description: 'Key of the hash; give it as ${SECRET}.' }) })], {
    error: "must be null (store NULL) or { hash: '${SECRET}' } (store a keyed hash)",
  })
  .transform((given, context) => {
    if (given === null || given === 'null') return { kind: 'null' } as const;
    if (given.hash.length >= MIN_HASH_SECRET) return { kind: 'hash', secret: given.hash } as const;
    context.addIssue({ code: 'custom', path: ['hash'], message: `must be at least ${MIN_HASH_SECRET} characters long` });
    return z.NEVER;
  });

const columns = z
  .strictObject({
    exclude: z.array(identifier('A source column.')).default([]).meta({ description: 'Source columns left out: not read, not stored.' }),
    rename: z.record(z.string(), identifier('Name in the warehouse.')).default({}).meta({ description: 'Source column → its name in the warehouse.' }),
    mask: z
      .record(z.string(), mask)
      .prefault({})
      .meta({ description: "Source column → null (store NULL) or { hash: '${SECRET}' } (HMAC-SHA-256, so equal values stay joinable). Holds everywhere." }),
    type: z
      .record(z.string(), text('Column type in the warehouse.', 'a column type such as numeric(20,4) or nvarchar(max)', (name) => TYPE_NAME.test(name)))
      .default({})
      .meta({ description: "Source column → its type in the warehouse, in its spelling, where the lossless default (docs/types.md) is not wanted." }),
  })
  .prefault({})
  .meta({ description: 'What happens to single columns, by their name in the source.' });

const tableSetting = z.strictObject({
  match: tablePattern('The table, or a pattern. Settings of patterns come first, then those of the exact name on top.'),
  key: unset(
    z.array(identifier('A source column.')).min(1, { error: 'must name at least one column' }),
    "Key columns in place of the table's own key: unique and never NULL. Exact names only.",
    'primary key',
  ),
  target: z
    .strictObject({
      schema: unset(identifier(''), 'Schema in the warehouse.', 'warehouse.schema'),
      name: unset(identifier(''), 'Table in the warehouse. Exact names only.', 'name in the source'),
    })
    .prefault({})
    .meta({ description: 'Where the rows go; default: warehouse.schema and the name in the source.' }),
  columns,
  history: historySetting(identifier),
  chunkRows: optionalInteger({ ...chunkRowsBounds, help: 'Rows per preload and validation chunk of the table.' }, 'defaults.chunkRows'),
});

const WAL_LIMIT = '10GiB';

const source = z
  .strictObject({
    url: url('Connection URL of the database read from: postgres://… or mssql://…, the latter with the parameters encrypt (true), trustServerCertificate (false) and instanceName.'),
    readUrl: unset(url(''), 'Connection URL of a standby of it (SQL Server: of a readable secondary, asked for with read-only intent): preload and validation read tables there, all else is asked of source.url.', 'source.url'),
    type: product,
    maxConnections: integer({ min: 2, max: 200, default: 8, unit: 'connections', help: 'Most connections used at once on the source.' }),
    statementTimeoutMs: milliseconds({ min: 1_000, max: 86_400_000, default: '10min', help: 'Time limit of one statement on the source.' }),
    walLimitBytes: optionalBytes({ min: 2 ** 24, max: 2 ** 50, help: 'PostgreSQL: most log (WAL) the source may keep for the pipeline; a warning at half of it. SQL Server keeps changes for the retention of its CDC.' }, `\`${WAL_LIMIT}\``),
    walLimitPolicy: unset(
      z.enum(['drop', 'resume'], { error: "must be 'drop' or 'resume'" }),
      'PostgreSQL: at the limit, drop (the slot is dropped, the tables preloaded again) or resume (a pause is lifted first; dropped if that does not help).',
      '`drop`',
    ),
    transactionWaitMs: milliseconds({ min: 1_000, max: 86_400_000, default: '10min', help: 'How long a preload waits for open transactions of the source before it tries again, naming who holds it up.' }),
    schemaIntervalMs: milliseconds({ min: 100, max: 3_600_000, default: '10s', help: "How often the source's schema is looked at for new, changed and dropped columns." }),
  })
  .superRefine((given, context) => {
    if (productOf(given) !== 'mssql') return;
    for (const key of ['walLimitBytes', 'walLimitPolicy'] as const) {
      if (given[key] !== undefined) context.addIssue({ code: 'custom', path: [key], message: 'is of PostgreSQL and without effect while the source is SQL Server, which keeps changes for the retention of its CDC (sys.sp_cdc_change_job); remove it' });
    }
  })
  .meta({ description: 'The database read from.' });

const warehouse = z
  .strictObject({
    url: url('Connection URL of the database written to.'),
    type: product,
    schema: unset(identifier(''), 'Schema of the target tables.', 'schema in the source'),
    maxConnections: integer({ min: 2, max: 200, default: 10, unit: 'connections', help: 'Most connections used at once on the warehouse.' }),
    statementTimeoutMs: milliseconds({ min: 1_000, max: 86_400_000, default: '10min', help: 'Time limit of one statement on the warehouse.' }),
    lockTimeoutMs: milliseconds({ min: 100, max: 3_600_000, default: '30s', help: 'How long a statement waits for a lock on the warehouse before it is tried again.' }),
  })
  .meta({ description: 'The database written to.' });

const tables = z
  .strictObject({
    include: z
      .array(tablePattern('A table or a pattern.'))
      .min(1, { error: 'must name at least one table or pattern' })
      .meta({ description: 'Tables replicated: schema.table, or patterns with * and ?.' }),
    exclude: z.array(tablePattern('A table or a pattern.')).default([]).meta({ description: 'Tables left out of what include names.' }),
    settings: z.array(tableSetting).default([]).meta({ description: 'Settings of single tables or patterns.' }),
  })
  .meta({ description: 'Which tables, and how.' });

const file = z.strictObject({
  name: text('Name of the pipeline, in the API, in logs and in the names of slot and publication.', 'of a-z, 0-9 and -, at most 40 long', (name) => /^[a-z0-9][a-z0-9-]{0,39}$/.test(name)),
  source,
  warehouse,
  tables,
  defaults: z
    .strictObject({
      chunkRows: integer({ ...chunkRowsBounds, default: 50_000, help: 'Rows per preload and validation chunk.' }),
    })
    .prefault({})
    .meta({ description: 'What holds for tables without a setting of their own.' }),
  preload: z
    .strictObject({ workers: integer({ min: 1, max: 64, default: 4, unit: 'chunks', help: 'Chunks copied at once.' }) })
    .prefault({})
    .meta({ description: 'Copying what is there.' }),
  stream: streamGroup,
  deadLetters: z
    .strictObject({
      policy: choice(['park', 'stop'], 'park', 'An event or row that the warehouse cannot take: park (it is kept as a dead letter, all else goes on) or stop (the stream stands still).'),
      limit: integer({ min: 1, max: 1_000_000, default: 1_000, unit: 'dead letters', help: 'Most parked of one table for one reason; one more stops the table.' }),
    })
    .prefault({})
    .meta({ description: 'What is done with what the warehouse cannot take.' }),
  validate: z
    .strictObject({
      workers: integer({ min: 1, max: 64, default: 2, unit: 'chunks', help: 'Chunks compared at once.' }),
      compareRows: integer({ min: 100, max: 1_000_000, default: 10_000, unit: 'rows', help: 'Rows held in memory at once while a chunk is compared.' }),
      maxRereads: integer({ min: 0, max: 100, default: 5, unit: 'times', help: 'How often a row that keeps changing is read again before it counts as unverified.' }),
      waitMs: milliseconds({ min: 1_000, max: 86_400_000, default: '10min', help: 'How long a chunk waits for the stream to pass its position before its rows count as unverified.' }),
      every: milliseconds({ min: 0, max: 2_592_000_000, default: '30min', help: 'Time between two validations by themselves; 0: only when asked for.' }),
      mode: choice(['full', 'changed'], 'full', 'What those look at: full (every row) or changed (rows written since the table was last found equal; every row once a day).'),
      samplePercent: optionalInteger({ min: 1, max: 100, unit: 'percent', help: 'Share of the ranges that those look at, chosen at random; with mode full only.' }, 'all ranges'),
      maxRowsPerSecond: optionalInteger({ min: 100, max: 1_000_000_000, unit: 'rows', help: 'Most rows compared per second and process, which spares the source.' }, 'no limit'),
      repair: choice(['manual', 'auto'], 'manual', 'Differences are repaired when asked for (manual) or by themselves after each validation (auto).'),
      showValues: flag('Whether differences show the unequal values of both sides, masked as everywhere; they are kept in the control tables.'),
    })
    .prefault({})
    .meta({ description: 'Proving that both sides are equal.' }),
});

/** A pipeline file. Its output type is `PipelineConfig`. */
export const pipelineSchema = file.transform(({ source: from, warehouse: to, ...given }) => ({
  ...given,
  source: { ...from, type: productOf(from), walLimitBytes: from.walLimitBytes ?? walLimit(productOf(from)), walLimitPolicy: from.walLimitPolicy ?? ('drop' as const) },
  warehouse: { ...to, type: productOf(to) },
  stream: streamSettings(given.stream, { name: given.name, sourceUrl: from.url }),
}));

/** What the file says; where it does not, the URL. */
function productOf({ type, url: at }: { readonly type?: Product | undefined; readonly url: string }): Product {
  return type ?? productOfUrl(at) ?? 'postgres';
}

/** 0: there is no limit, because the source keeps no log for us. */
function walLimit(of: Product): number {
  return of === 'mssql' ? 0 : (parseQuantity(WAL_LIMIT, 'bytes') ?? 0);
}

/** A validated pipeline file, defaults filled in, references resolved: it holds secrets. */
export type PipelineConfig = z.output<typeof pipelineSchema>;
export type TableSetting = PipelineConfig['tables']['settings'][number];

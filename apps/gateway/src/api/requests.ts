import { RUN_STAGES } from '@elstream/control';
import { z } from 'zod';
import { deadLetterState, keyCells, runState, schemaChangeState, scopeShape } from './schemas';

const limit = z.coerce.number().int().min(1).max(1_000);
const flag = z.enum(['true', 'false']).default('false').transform((text) => text === 'true');
const tableId = z.string().min(1).max(500);

/** What requests may carry; anything else is refused by name. */
export const startRunBody = z.strictObject({
  tables: z.array(tableId).min(1).max(10_000).optional().describe('Table ids; default: all tables of the pipeline, for validation alone those that are live'),
  stages: z
    .array(z.enum(RUN_STAGES))
    .refine((stages) => stages.join() === RUN_STAGES.join() || stages.join() === 'validate', { error: `must be ${JSON.stringify(RUN_STAGES)} or ["validate"]` })
    .optional()
    .describe('Default: all. ["validate"] compares tables that are live and copies nothing'),
  scope: z
    .strictObject({ ...scopeShape, range: scopeShape.range.unwrap().strict().optional() })
    .refine((scope) => Object.values(scope).filter((part) => part !== undefined && part !== false).length <= 1, { error: 'must be one of samplePercent, changed and range' })
    .optional()
    .describe('For stages ["validate"]: a part of the rows; default: every row'),
});
export const repairBody = z
  .strictObject({
    run: z.uuid().optional().describe('A run whose differences are repaired'),
    table: tableId.optional().describe('Table id, together with keys'),
    keys: z.array(keyCells).min(1).max(10_000).optional().describe('Keys of rows to repair, each its cells as text'),
    of: z.enum(['row', 'history']).optional().describe('With keys: the rows (default), or their superseded versions where history is copied'),
  })
  .refine(({ run, table, keys, of }) => (run === undefined ? table !== undefined && keys !== undefined : table === undefined && keys === undefined && of === undefined), { error: 'must be either run, or table and keys' });

const filterShape = {
  ids: z.array(z.uuid()).min(1).max(10_000).optional().describe('Exactly these'),
  table: tableId.optional().describe('Those of this table'),
  code: z.string().min(1).max(200).optional().describe('Those parked for this reason'),
  all: z.literal(true).optional().describe('Every one of the pipeline'),
};
type DeadLetterChoice = z.output<z.ZodObject<typeof filterShape>>;
const isOneChoice = ({ ids, table, code, all }: DeadLetterChoice): boolean => [ids !== undefined, table !== undefined || code !== undefined, all !== undefined].filter(Boolean).length === 1;
const ONE_CHOICE = { error: 'must be ids, or table and/or code, or all: true' };

/** Which parked dead letters are meant; the words are asked for so that nobody means all by leaving something out. */
export const replayBody = z.strictObject(filterShape).refine(isOneChoice, ONE_CHOICE);
export const discardBody = z.strictObject({ ...filterShape, reason: z.string().trim().min(1).max(2_000).describe('Why, for whoever asks later; kept with them') }).refine(isOneChoice, ONE_CHOICE);
export const resetBody = z.strictObject({
  confirm: z.string().describe('The name of the pipeline once more'),
  dropData: z.boolean().default(false).describe('true: the warehouse tables and their history are dropped, with what was granted on them; false: rows are replaced in place'),
  tables: z.array(tableId).min(1).max(10_000).optional().describe('Table ids; default: all tables of the pipeline'),
});
export const checkBody = z.union([z.string(), z.strictObject({ yaml: z.string().describe('Text of the pipeline file') }).transform(({ yaml }) => yaml)]);
export const checkQuery = z.strictObject({ connect: flag.describe('true: connect to both databases and check every table') });
export const countsQuery = z.strictObject({ exact: flag.describe('true: count the source table row by row instead of estimating') });
export const removeQuery = z.strictObject({ confirm: z.string().describe('The name of the pipeline once more') });
export const pageQuery = z.strictObject({ limit: limit.default(50).describe('At most this many') });
export const runsQuery = pageQuery.extend({
  pipeline: z.string().min(1).optional().describe('Only runs of this pipeline'),
  state: runState.optional().describe('Only runs in this state'),
});
export const eventsQuery = pageQuery.extend({
  limit: limit.default(1_000).describe('At most this many'),
  after: z.coerce.number().int().min(0).default(0).describe('Only events with an id above this'),
});
export const deadLettersQuery = pageQuery.extend({
  table: tableId.optional().describe('Only those of this table'),
  code: z.string().min(1).max(200).optional().describe('Only those parked for this reason'),
  state: deadLetterState.optional().describe('Only those in this state'),
  after: z.uuid().optional().describe('Id of the last one of the page before'),
});
export const schemaChangesQuery = pageQuery.extend({
  table: tableId.optional().describe('Only those of this table'),
  state: schemaChangeState.optional().describe('Only those in this state'),
});
export const validationsQuery = pageQuery.extend({
  table: tableId.optional().describe('Only those of this table'),
  good: z.enum(['true', 'false']).transform((text) => text === 'true').optional().describe('true: only those that found neither differences nor unverified rows; false: only the others'),
});
export const uuid = z.uuid();

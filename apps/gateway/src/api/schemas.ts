import { RUN_REASONS, RUN_STAGES } from '@elstream/control';
import { z } from 'zod';

/** Shapes of the API: one schema gives the type, the validation and the OpenAPI component of its name. */
const count = (help: string) => z.int().min(0).describe(help);
const time = (help: string) => z.string().meta({ description: help, format: 'date-time' });
const phase = z.enum(['new', 'preloading', 'catching-up', 'live', 'stopped']);
const runState = z.enum(['pending', 'running', 'succeeded', 'failed', 'cancelled']);

const pipelineTable = z.object({
  table: z.string().describe('Table id: schema.name of the source table'),
  target: z.string().describe('Table id in the warehouse'),
  phase,
  epoch: count('Grows with each full preload'),
  rowsPreloaded: count('Rows read by the preload of this epoch'),
  eventsApplied: count('Change events applied, re-emissions not counted'),
  error: z.string().nullable(),
});

const lag = z.object({
  pipeline: z.string(),
  lagMs: z.number().nullable().describe('Now minus the source time of the newest applied event or counter row, milliseconds; null before anything was applied'),
  position: z.string().nullable().describe('Next offset of the stream, hex; null before the first preparation'),
  paused: z.boolean(),
  retainedBytes: z.number().nullable().describe('Bytes of log the source keeps for the pipeline; null where unknown'),
  retainedLimitBytes: z.number().describe('Bytes of log the source may keep for the pipeline'),
  retainedShare: z.number().nullable().describe('retainedBytes / retainedLimitBytes'),
});

const pipeline = z.object({
  name: z.string(),
  paused: z.boolean(),
  streamError: z.string().nullable().describe('Why the stream stands still; a resume clears it'),
  gapReason: z.string().nullable().describe('Why changes were lost from the log; the next run preloads again'),
  lagMs: lag.shape.lagMs,
  eventsApplied: count('Change events applied, re-emissions not counted'),
  position: lag.shape.position,
  retainedBytes: lag.shape.retainedBytes,
  retainedLimitBytes: lag.shape.retainedLimitBytes,
  retainedShare: lag.shape.retainedShare,
  activeRunId: z.string().nullable(),
  tables: z.array(pipelineTable),
});

const run = z.object({
  id: z.string(),
  pipeline: z.string(),
  reason: z.enum(RUN_REASONS),
  state: runState,
  stages: z.array(z.enum([...RUN_STAGES, 'repair'])).describe('What the run consists of, in order'),
  tables: z.array(z.string()),
  error: z.string().nullable(),
  createdAt: time('When it was asked for'),
  startedAt: time('When it began').nullable(),
  finishedAt: time('When it ended').nullable(),
});

const stage = z.object({ done: count('Chunks done'), total: count('Chunks planned so far'), rows: count('Rows read') });

/** What validation has come to, of a table and of a run. */
const validationReport = {
  rowsCompared: count('Rows of the source compared by validation'),
  confirmedEqual: count('Rows of them found equal in the warehouse'),
  differences: count('Rows found missing, extra or unequal, confirmed not to be in flight'),
  unverified: count('Rows that could not be settled: neither equal nor different'),
  ranges: count('Ranges compared'),
  bytesMoved: count('Bytes of checksums, digests and rows carried from both databases to the validator, about'),
  durationMs: count('Time the ranges took, added up; more than the clock shows where several are compared at once'),
  position: z.string().nullable().describe("Newest end of the source's log that a range was compared at, hex; null before the first"),
};

const tableProgress = z.object({
  table: z.string(),
  phase,
  estimatedRows: z.number().nullable().describe('From statistics of the source, never counted'),
  preload: stage,
  validate: stage,
  ...validationReport,
});

const runDetail = run.extend({ progress: z.array(tableProgress), ...validationReport });

const difference = z.object({
  table: z.string(),
  key: z.string(),
  kind: z.enum(['missing', 'extra', 'unequal']),
  columns: z.array(z.string()).describe('Names of the unequal columns; values are never shown'),
});

const runEvent = z.object({
  id: count('Grows within a run; what Last-Event-ID takes'),
  type: z.string(),
  at: time('When it happened'),
  table: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()).describe('Names and numbers, never row values'),
});

const tableCounts = z.object({
  pipeline: z.string(),
  table: z.string(),
  source: z.object({ rows: z.number().nullable(), exact: z.boolean().describe('false: estimated from statistics; null rows: unknown') }),
  warehouse: z.object({ rows: count('Rows in the target'), exact: z.literal(true) }),
});

const pipelineProblem = z.object({
  setting: z.string().nullable().describe('Path of the setting; null: the file as a whole'),
  line: z.int().nullable().describe('Line of the file, from 1'),
  message: z.string().describe('What is wrong and what to do'),
});

const pipelineCheck = z.object({
  valid: z.boolean(),
  pipeline: z.string().nullable().describe('Name of the pipeline, if the file is valid'),
  problems: z.array(pipelineProblem),
  warnings: z.array(pipelineProblem).describe('Accepted, but worth a word'),
});

const liveness = z.object({
  live: z.boolean(),
  loops: z.array(z.object({ name: z.string(), sinceMs: z.number(), allowanceMs: z.number(), live: z.boolean() })),
});

const readiness = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), error: z.string().nullable() })),
});

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What is wrong and what to do'),
    instance: z.string().describe('Names this occurrence; the log holds unexpected errors under the same id'),
    code: z.string().describe('Stable, for machines'),
    pipeline: z.string().optional(),
    table: z.string().optional(),
    key: z.string().optional(),
    position: z.string().optional(),
    setting: z.string().optional(),
    runId: z.string().optional().describe('The run that stands in the way'),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .describe('RFC 9457 problem document');

/** Components of the OpenAPI document, by name. */
export const components = {
  Pipeline: pipeline,
  PipelineTable: pipelineTable,
  PipelineCheck: pipelineCheck,
  PipelineProblem: pipelineProblem,
  Lag: lag,
  TableCounts: tableCounts,
  Run: run,
  RunDetail: runDetail,
  TableProgress: tableProgress,
  RunEvent: runEvent,
  Difference: difference,
  Liveness: liveness,
  Readiness: readiness,
  Problem: problem,
} as const;

export type ComponentName = keyof typeof components;
export type Dto<N extends ComponentName> = z.output<(typeof components)[N]>;

const limit = z.coerce.number().int().min(1).max(1_000);
const flag = z.enum(['true', 'false']).default('false').transform((text) => text === 'true');

/** What requests may carry; anything else is refused by name. */
export const startRunBody = z.strictObject({
  tables: z.array(z.string().min(1).max(500)).min(1).max(10_000).optional().describe('Table ids; default: all tables of the pipeline'),
  stages: z
    .array(z.enum(RUN_STAGES))
    .refine((stages) => stages.join() === RUN_STAGES.join() || stages.join() === 'validate', { error: `must be ${JSON.stringify(RUN_STAGES)} or ["validate"]` })
    .optional()
    .describe('Default: all. ["validate"] compares tables that are live and copies nothing'),
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
export const runId = z.uuid();

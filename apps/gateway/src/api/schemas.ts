import { RUN_REASONS, RUN_STAGES } from '@elstream/control';
import { z } from 'zod';

/** Shapes of the API: one schema gives the type, the validation and the OpenAPI component of its name. */
const count = (help: string) => z.int().min(0).describe(help);
const time = (help: string) => z.string().meta({ description: help, format: 'date-time' });
const phase = z.enum(['new', 'preloading', 'catching-up', 'live', 'stopped']);
export const validationScope = z.enum(['full', 'sample', 'changed', 'range']).describe('What was looked at');
export const runState = z.enum(['pending', 'running', 'succeeded', 'failed', 'cancelled']);

const pipelineTable = z.object({
  table: z.string().describe('Table id: schema.name of the source table'),
  target: z.string().describe('Table id in the warehouse'),
  phase,
  epoch: count('Grows with each full preload'),
  rowsPreloaded: count('Rows read by the preload of this epoch'),
  eventsApplied: count('Change events applied, re-emissions not counted'),
  error: z.string().nullable(),
  stale: z.string().nullable().describe('Why rows lack values of columns added since the last preload; null: none do'),
  history: z.enum(['derived', 'copied']).nullable().describe('How superseded versions are kept; null: they are not'),
  parked: count('Dead letters that are neither replayed nor discarded'),
  lastValidation: z
    .object({
      runId: z.string(),
      at: time('When it ended'),
      scope: validationScope,
      rowsCompared: count('Rows of the source compared'),
      differences: count('Rows found missing, extra or unequal'),
      unverified: count('Rows that could not be settled'),
    })
    .nullable()
    .describe('The newest validation of the table that ended; null: none yet'),
});

const lag = z.object({
  pipeline: z.string(),
  lagMs: z.number().nullable().describe('Now minus the source time of the newest applied event or counter row, milliseconds; null before anything was applied'),
  position: z.string().nullable().describe('Next offset of a direct stream, hex; null before the first preparation, and where the stream has several partitions'),
  paused: z.boolean(),
  retainedBytes: z.number().nullable().describe('Bytes of log the source keeps for the pipeline; null where unknown'),
  retainedLimitBytes: z.number().describe('Bytes of log the source may keep for the pipeline; 0: no limit, as of SQL Server'),
  retainedShare: z.number().nullable().describe('retainedBytes / retainedLimitBytes'),
  eventsBehind: z.number().nullable().describe('Events in the log that are not applied yet; null where unknown'),
  captureTrouble: z.string().nullable().describe('What keeps capture at the source (its connector) from running, with the remedy; null: nothing'),
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
  eventsBehind: lag.shape.eventsBehind,
  captureTrouble: lag.shape.captureTrouble,
  activeRunId: z.string().nullable().describe('The first of activeRuns, in the order load, validate, repair'),
  activeRuns: z.array(z.object({ id: z.string(), lane: z.enum(['load', 'validate', 'repair']) })).describe('Runs that have not ended, at most one of each lane'),
  tables: z.array(pipelineTable),
});

const settingNames = z.array(z.string());
const connector = z.object({
  name: z.string(),
  class: z.string().describe('Of the connector plugin'),
  state: z.string().nullable().describe('As Kafka Connect calls it, e.g. RUNNING; null: there is no connector of that name'),
  tasks: z.array(z.object({ id: z.int(), state: z.string(), failure: z.string().nullable().describe('Why it failed, in plain words with the remedy; null: it did not') })),
  trouble: z.string().nullable().describe('What keeps it from running as planned although nothing is lost, with the remedy; null: nothing'),
  gap: z.string().nullable().describe('Why changes are missing; null: none are known to be'),
  committed: z
    .object({ position: z.string().describe("Position in the source's log, hex"), complete: z.boolean().describe('What committed at the position is delivered too') })
    .nullable()
    .describe('How far it has delivered; null: nothing yet, or its offsets are gone'),
  planned: z.record(z.string(), z.string()).describe('The settings it ought to have, secrets as ***'),
  differences: z
    .object({ changed: settingNames, missing: settingNames, unexpected: settingNames })
    .nullable()
    .describe('Names of settings in which it differs from the planned ones; null: in none, or there is no connector'),
});

export const keyCells = z.array(z.string().max(10_000)).min(1).max(32).describe("The key's cells, as text, in key order");
export const scopeShape = {
  samplePercent: z.number().gt(0).max(100).optional().describe('About this share of the ranges, chosen at random, percent'),
  changed: z.boolean().optional().describe('Only rows the stream has written since the table was last found equal'),
  range: z.object({ from: keyCells.nullable(), to: keyCells.nullable() }).optional().describe('Keys from `from` to below `to`, null: unbounded; with exactly one table'),
};

const run = z.object({
  id: z.string(),
  pipeline: z.string(),
  reason: z.enum(RUN_REASONS),
  state: runState,
  stages: z.array(z.enum([...RUN_STAGES, 'repair'])).describe('What the run consists of, in order'),
  scope: z.object(scopeShape).describe('What its validation looks at; empty: every row'),
  tables: z.array(z.string()),
  error: z.string().nullable(),
  createdAt: time('When it was asked for'),
  startedAt: time('When it began').nullable(),
  finishedAt: time('When it ended').nullable(),
});

const repairRun = run.extend({
  keys: count('Keys, or dead letters, that the run takes on'),
  leftOut: count('What it leaves out: differences of which only the number was kept, dead letters without key, more than fits one run'),
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

const repairCounts = {
  repaired: count('Rows inserted or replaced'),
  deleted: count('Rows taken away, since the source has no such row'),
  unchanged: count('Rows that were equal by then'),
  moved: count('Rows given up because they kept changing'),
  failed: count('Rows the warehouse cannot hold; their dead letters stay parked'),
};

const tableProgress = z.object({
  table: z.string(),
  phase,
  estimatedRows: z.number().nullable().describe('From statistics of the source, never counted'),
  preload: stage,
  validate: stage,
  history: stage.describe('Copying of history, where it is copied'),
  repair: stage.extend(repairCounts).describe('Repairs and replays; a task is up to some hundred rows'),
  derivedHistory: z
    .object({
      historyVersions: count('Superseded versions kept'),
      historyHoles: count('Versions that do not follow one another without a hole; reported, not repaired'),
      historyApproximate: count('Versions whose times are not exact, or that a preload replaced'),
    })
    .nullable()
    .describe('What was found of derived history, which has no source to compare with; null: not derived, or not checked'),
  ...validationReport,
});

const runDetail = run.extend({ progress: z.array(tableProgress), ...validationReport });

const difference = z.object({
  table: z.string(),
  key: z.string().describe('In words, id=5'),
  cells: z.array(z.string()).describe("The key's cells, as a repair takes them; empty for a key that cannot be written as JSON (U+0000, half a surrogate pair): correct the row in the source"),
  of: z.enum(['row', 'history']).describe('history: superseded versions of the row, in the history table that is copied'),
  kind: z.enum(['missing', 'extra', 'unequal']),
  columns: z.array(z.string()).describe('Names of the unequal columns, in the warehouse'),
  values: z
    .array(z.object({ source: z.string().nullable(), warehouse: z.string().nullable() }))
    .optional()
    .describe('Their values in that order, only where the pipeline allows it (validate.showValues)'),
});

const validation = z.object({
  table: z.string(),
  runId: z.string(),
  scope: validationScope,
  position: z.string().describe("End of the source's log when it began, hex"),
  rowsCompared: count('Rows of the source compared'),
  confirmedEqual: count('Rows of them found equal in the warehouse'),
  unverified: count('Rows that could not be settled'),
  differences: count('Rows found missing, extra or unequal'),
  finishedAt: time('When it ended'),
});

export const deadLetterState = z.enum(['parked', 'replayed', 'discarded']);
const deadLetter = z.object({
  id: z.string(),
  pipeline: z.string(),
  table: z.string(),
  state: deadLetterState,
  origin: z.enum(['stream', 'preload']),
  op: z.enum(['insert', 'update', 'delete', 'truncate', 'row', 'poison']).describe('row: of a preload; poison: an event that could not be decoded'),
  key: z.array(z.string()).nullable().describe('Cells of the key; null where it could not be read'),
  oldKey: z.array(z.string()).nullable().describe('The key before an update that moved the row'),
  code: z.string().describe('Why, for machines'),
  reason: z.string().describe('Why, for people, with the remedy'),
  position: z.string().nullable().describe('Commit position, hex; null for a row of a preload'),
  committedAt: time('When it was committed at the source').nullable(),
  parkedAt: time('When it was parked'),
  settledAt: time('When it was replayed or discarded').nullable(),
  note: z.string().nullable().describe('Why it was discarded, or what the last replay came to'),
  replays: count('Replays that failed'),
});

const deadLetterDetail = deadLetter.extend({
  bytes: z.string().meta({ description: 'The event as it was delivered, or the row as text with tabs; base64', contentEncoding: 'base64' }),
  row: z.record(z.string(), z.string().nullable()).nullable().describe('Decoded: column of the warehouse → value as text; null for deletes and what cannot be decoded'),
  unknown: z.array(z.string()).describe('Columns the event does not carry, which `row` leaves out'),
});

const deadLetterCount = z.object({ table: z.string(), code: z.string(), state: deadLetterState, count: count('How many') });
const deadLettersDiscarded = z.object({ discarded: count('How many were discarded') });

export const schemaChangeState = z.enum(['followed', 'proposed', 'accepted', 'declined', 'obsolete']);
const schemaChange = z.object({
  id: z.string(),
  pipeline: z.string(),
  table: z.string(),
  state: schemaChangeState.describe('proposed: the table is stopped until somebody accepts or declines; obsolete: the schema changed once more before that'),
  added: z.array(z.string()).describe('Columns of the source that are new'),
  dropped: z.array(z.string()).describe('Columns gone at the source; those of the warehouse stay'),
  widened: z.array(z.string()).describe('Columns whose new type holds every value of the old one'),
  obstacles: z.array(z.string()).describe('Why it cannot be followed while the table stays live, as sentences'),
  noticedAt: time('When it was noticed'),
  decidedAt: time('When it was accepted or declined').nullable(),
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
  Connector: connector,
  TableCounts: tableCounts,
  Run: run,
  RepairRun: repairRun,
  RunDetail: runDetail,
  TableProgress: tableProgress,
  RunEvent: runEvent,
  Difference: difference,
  Validation: validation,
  DeadLetter: deadLetter,
  DeadLetterDetail: deadLetterDetail,
  DeadLetterCount: deadLetterCount,
  DeadLettersDiscarded: deadLettersDiscarded,
  SchemaChange: schemaChange,
  Liveness: liveness,
  Readiness: readiness,
  Problem: problem,
} as const;

export type ComponentName = keyof typeof components;
export type Dto<N extends ComponentName> = z.output<(typeof components)[N]>;

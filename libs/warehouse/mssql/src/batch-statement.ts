import { ruleHolds } from '@elstream/core';
import { nString } from '@elstream/database';
import type { BatchHistory } from './batch-history';
import { decideStaged, truncateTarget, writeStaged } from './bulk-writes';
import { readState, stateVariables, type StateName } from './control-state';
import { noteDueOfParked, parkStaged, stopAboveLimit } from './dead-letters';
import { commit, leave, serverTransaction } from './server-transaction';
import { markToReload } from './stale-marks';
import type { BatchShape } from './staging';
import { hashOf } from './stored-mapping';
import type { Target } from './target';

/** What the statement of a batch depends on; the rest is in its parameters. */
export interface BatchPlan {
  readonly lockMs: number;
  readonly pipeline: string;
  readonly partition: string;
  /** All tables whose batches and merges are excluded: of rows, parked events and reloads. */
  readonly locked: readonly string[];
  readonly tables: readonly TablePlan[];
  readonly parked: boolean;
  readonly parkedDue: boolean;
  readonly reloads: boolean;
  readonly trial: boolean;
}

/** One table of a batch; its number is its place. */
export interface TablePlan {
  readonly target: Target;
  /** Null: no row is staged. */
  readonly staged: BatchShape | null;
  readonly truncate: boolean;
  readonly history: BatchHistory;
  /** A value of it was refused when it was staged: told only if the table takes events. */
  readonly refused: boolean;
  /** It took no events before the transaction, and nothing of it is written: `again` if it takes them now. */
  readonly passed: boolean;
}

/**
 * One batch from BEGIN to COMMIT (R2): exclusion → states → rows → checkpoint. Every decision is made by the server from
 * rows read in it. Outcomes: `mapping` (stored mappings that are not known to be ours, result set `n, stored, hash`), `lost`,
 * `not-prepared` and `refused` (`n`), `again` (what was read before the transaction stands no more), `reread` (result set `n, ord`), `tried`,
 * `applied` (`written`, `deleted`).
 *
 * Parameters: `@pipeline`, `@shares` (see `shareOf`), those of the histories, `@limit`, `@parked_due`, `@reloads` where they
 * are needed, and the checkpoint's: `@partition`, `@generation`, `@from`, `@fromHighest`, `@next`, `@highest`, `@events`,
 * `@counter`, `@committedAt`; of a trial `@trial`, which is 1; `@truncatePosition0` of
 * a truncated table.
 */
export function batchStatement(plan: BatchPlan): string {
  const { tables, trial } = plan;
  const every = (of: (table: TablePlan, n: number) => string[]): string[] => tables.flatMap((table, n) => whereActive(n, of(table, n)));
  return serverTransaction({
    lockMs: plan.lockMs,
    pipeline: plan.pipeline,
    exclusion: { by: 'batch', partition: plan.partition },
    tables: plan.locked,
    declare: declarations(plan),
    body: [
      ...tables.map((table, n) => readShare(table, n, trial)),
      ...(tables.length === 0 ? [] : entries(plan)),
      ...every((table, n) => prepare(table, n, trial)),
      ...(asksAgain(plan) ? [`IF EXISTS (SELECT 1 FROM @again)\n${leave('reread', undefined, 'SELECT a.n, a.ord FROM @again AS a ORDER BY a.n, a.ord;')}`] : []),
      ...every((table, n) => write(table, n, trial)),
      // last: batches of other partitions read these rows first
      ...every(noteState),
      ...(plan.reloads ? [markToReload] : []),
      ...(plan.parked ? [parkStaged] : []),
      ...(plan.parkedDue ? [noteDueOfParked] : []),
      ...(plan.parked ? [stopAboveLimit] : []),
      ...(trial ? [`IF @trial = 1\n${leave('tried')}`] : []),
      MOVE_CHECKPOINT(),
      `IF @@ROWCOUNT <> 1\n${leave('lost')}`,
      commit('applied', '@written AS written, @deleted AS deleted'),
    ].join('\n'),
  });
}

/** What a batch tells of one of its tables, as an element of the JSON `@shares`. Positions are hex. */
export interface Share {
  readonly n: number;
  /** `KnownMappings.of` */
  readonly mapping: string | null;
  /** `TableStanding.token` that history was prepared with. */
  readonly token: string | null;
  readonly truncate: string | null;
  readonly events: number;
  readonly readUntil: string | null;
}

/** Of a share: its column in the JSON, its variable's type, its value, and which table needs it. */
const SHARE: readonly (readonly [variable: string, type: string, column: string, value: string, needs: (table: TablePlan, trial: boolean) => boolean])[] = [
  ['mapping', 'varchar(64)', `mapping varchar(64) '$.mapping'`, 'j.mapping', (_, trial) => !trial],
  ['expected', 'nvarchar(max)', `token nvarchar(max) '$.token'`, 'j.token', ({ history }) => history.stands !== null],
  ['truncate', 'nvarchar(128)', `[truncate] nvarchar(128) '$.truncate'`, 'j.[truncate]', ({ truncate }) => truncate],
  ['events', 'bigint', `[events] bigint '$.events'`, 'j.[events]', () => true],
  ['readUntil', 'nvarchar(128)', `read_until nvarchar(128) '$.readUntil'`, 'j.read_until', () => true],
];

const writes = ({ staged, refused }: TablePlan): boolean => staged !== null && !refused;
const asksAgain = (plan: BatchPlan): boolean => !plan.trial && plan.tables.some((table) => writes(table) && (table.staged?.unknownGroups.length ?? 0) > 0);

function stateNames(table: TablePlan): StateName[] {
  const { history, staged, truncate } = table;
  return [
    'epoch',
    'active',
    ...(writes(table) ? (['phase', 'uses'] as const) : []),
    ...(writes(table) || truncate ? (['truncated'] as const) : []),
    ...(writes(table) && (staged?.carried ?? 0) > 0 ? (['until'] as const) : []),
    ...(history.stands === null ? [] : (['token'] as const)),
  ];
}

function declarations(plan: BatchPlan): string {
  const { tables, trial } = plan;
  return [
    'DECLARE @written bigint = 0, @deleted bigint = 0;',
    ...(plan.parked ? ['DECLARE @parked bigint = 0;'] : []),
    ...(asksAgain(plan) ? ['DECLARE @again TABLE (n int NOT NULL, ord int NOT NULL);'] : []),
    ...tables.map((table, n) => shareVariables(table, n, trial)),
  ].join('\n');
}

function shareVariables(table: TablePlan, n: number, trial: boolean): string {
  const i = String(n);
  const needed = SHARE.filter(([, , , , needs]) => needs(table, trial));
  return [
    stateVariables(n, stateNames(table)),
    `DECLARE ${needed.map(([variable, type]) => `@${variable}${i} ${type}`).join(', ')}${trial ? '' : `, @stored${i} nvarchar(max)`};`,
    `SELECT ${needed.map(([variable, , , value]) => `@${variable}${i} = ${value}`).join(', ')}
  FROM OPENJSON(@shares) WITH (n int '$.n', ${needed.map(([, , column]) => column).join(', ')}) AS j WHERE j.n = ${i};`,
  ].join('\n');
}

function readShare(table: TablePlan, n: number, trial: boolean): string {
  const i = String(n);
  return [
    readState(n, nString(table.target.mapping.id), stateNames(table)),
    ...(trial ? [] : [`SELECT @stored${i} = p.mapping FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = ${nString(table.target.mapping.id)};`]),
    ...(ruleHolds('R5-epoch-in-transaction') ? [] : [`SET @epoch${i} = COALESCE(CONVERT(int, JSON_VALUE(@sabotage, '$."${i}"')), @epoch${i});`]),
  ].join('\n');
}

/**
 * What stands in the way. A table whose preload has not begun, or that was stopped: its events are counted and passed over
 * (R4, R7). One that is no longer the pipeline's, or was decoded with a mapping that is not the stored one: `lost`.
 */
function entries({ tables, trial }: BatchPlan): string[] {
  const any = (of: (i: string) => string): string => tables.map((_, n) => `(${of(String(n))})`).join(' OR ');
  const union = (of: (i: string) => string, which: readonly number[]): string => `${which.map((n) => of(String(n))).join(' UNION ALL ')};`;
  const all = tables.map((_, n) => n);
  const lines: string[] = [];
  if (!trial) {
    lines.push(`IF ${any((i) => `@epoch${i} IS NULL AND @stored${i} IS NULL`)}\n${leave('lost')}`);
    const other = (i: string): string => `(@epoch${i} IS NULL OR @active${i} = 1) AND @stored${i} IS NOT NULL AND (@mapping${i} IS NULL OR ${hashOf(`@stored${i}`)} <> @mapping${i})`;
    lines.push(`IF ${any(other)}\n${leave('mapping', undefined, union((i) => `SELECT ${i} AS n, @stored${i} AS stored, ${hashOf(`@stored${i}`)} AS hash WHERE @stored${i} IS NOT NULL`, all))}`);
  }
  lines.push(`IF ${any((i) => `@epoch${i} IS NULL`)}\n${leave('not-prepared', `CASE ${all.map((n) => `WHEN @epoch${String(n)} IS NULL THEN ${String(n)}`).join(' ')} END AS n`)}`);
  const refused = all.filter((n) => tables[n]?.refused === true);
  for (const n of refused) lines.push(`IF @active${String(n)} = 1\n${leave('refused', `${String(n)} AS n`)}`);
  for (const [n, { history, passed }] of tables.entries()) {
    if (passed) lines.push(`IF @active${String(n)} = 1\n${leave('again')}`);
    if (history.stands !== null) lines.push(`IF @active${String(n)} = 1 AND (@expected${String(n)} IS NULL OR @token${String(n)} <> @expected${String(n)} OR NOT (${history.stands}))\n${leave('again')}`);
  }
  return lines;
}

function whereActive(n: number, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`IF @active${String(n)} = 1\nBEGIN`, ...lines, 'END;'];
}

/** History from what stands before the rows are touched, the truncate, and what has to be read again. */
function prepare({ history, truncate, staged, target, refused }: TablePlan, n: number, trial: boolean): string[] {
  const i = String(n);
  return [
    ...(history.before === '' ? [] : [history.before]),
    // a later truncate of the same epoch replaces an earlier one
    ...(truncate ? [`IF @truncated${i} IS NULL OR @truncated${i} COLLATE Latin1_General_100_BIN2 <= @truncate${i} SET @truncated${i} = @truncate${i};`, truncateTarget(target, `@epoch${i}`, `@truncatePosition${i}`)] : []),
    ...(staged === null || refused ? [] : decideStaged(target, n, staged, trial)),
  ];
}

function write({ history, staged, target, refused }: TablePlan, n: number, trial: boolean): string[] {
  return [...(staged === null || refused ? [] : writeStaged(target, n, staged, trial)), ...(history.after === '' ? [] : [history.after])];
}

/** What this batch did not change may have been changed by one of another partition since it was read. */
function noteState({ history, truncate, target }: TablePlan, n: number): string[] {
  const i = String(n);
  const truncated = truncate ? `, truncate_epoch = @epoch${i}, truncate_position = @truncated${i}` : '';
  return [
    `UPDATE elstream.table_state SET events_applied = events_applied + @events${i}${truncated},
       reread_until = CASE WHEN @readUntil${i} IS NULL OR reread_until >= @readUntil${i} THEN reread_until ELSE @readUntil${i} END${history.mixed ? ', mixed_epoch = epoch' : ''}, updated_at = @now
 WHERE pipeline = @pipeline AND table_id = ${nString(target.mapping.id)};`,
  ];
}

/** R2: moves the checkpoint only if it still stands exactly where the batch was taken from. */
const MOVE_CHECKPOINT = (): string => `UPDATE elstream.[checkpoint] SET next_offset = @next, highest = @highest, events_applied = events_applied + @events, counter = COALESCE(@counter, counter),
       committed_at_us = CASE WHEN @committedAt IS NULL OR committed_at_us >= @committedAt THEN committed_at_us ELSE @committedAt END, applied_at = @now
 WHERE pipeline = @pipeline AND [partition] = @partition${ruleHolds('R2-checkpoint-condition') ? ' AND generation = @generation AND next_offset = @from AND (highest = @fromHighest OR (highest IS NULL AND @fromHighest IS NULL))' : ''};`;

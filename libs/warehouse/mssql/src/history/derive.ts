import { changeIdentity, deriveHistory, keyIdentity, keyOfRow, takesEvents, touchedKeys, type DerivedHistory, type FoldedTable, type Row, type RowEvent, type StandingImage, type TableMapping } from '@elstream/core';
import { t, type MssqlParams, type TSqlSession } from '@elstream/database';
import type { RereadRows } from '@elstream/warehouse';
import { NO_HISTORY, type BatchHistory, type HistoryRequest } from '../batch-history';
import type { TableStanding } from '../control-state';
import { EPOCH_COLUMN, POSITION_COLUMN, SEEK, type Target } from '../target';
import { asPeriod, beginText, BEGIN_COLUMN, CHANGE_TYPE, TIME_TYPE, type Archive } from './archive';
import { archiveRows, beginOf, type SetEnd } from './archive-rows';
import { dueOfBatch, dueParam, noteDueSql } from './due';
import { insertEnded, stageEnded } from './ended';
import { imagesStand, readImages, touchedOf } from './images';
import { knownToArchive } from './known';

/** Since when the rows are valid that a batch leaves, by `keyIdentity`; null: unknown. */
export type Begins = ReadonlyMap<string, bigint | null>;

/**
 * History of one table of a batch (R13): what is decided before BEGIN from what stands, staged, and written in the batch's
 * transaction if it still stands.
 */
export async function prepareHistory(session: TSqlSession, request: HistoryRequest): Promise<BatchHistory> {
  const { target, fold, n } = request;
  const { archive } = target;
  if (archive?.kind === 'copied') return noteDueOfBatch(request);
  if (archive?.kind !== 'derived' || fold.changes.length === 0 || request.state === null || !takesEvents(request.state)) return NO_HISTORY;
  const keys = touchedKeys(target.mapping, fold.changes);
  const standing = await readImages(session, target, n, keys);
  const known = await knownToArchive(session, target, archive, fold.changes);
  const { state } = request;
  const derived = deriveHistory({
    mapping: target.mapping,
    changes: fold.changes,
    epoch: state.epoch,
    live: state.phase === 'live',
    mixed: state.mixed,
    rereadUntil: state.rereadUntil,
    truncated: state.truncated,
    standing,
    known,
    reread: rereadByIdentity(target.mapping, request.reread),
  });
  await stageEnded(session, { target, archive, n }, derived.ended);
  const truncated = archiveTruncated(target, archive, { n, fold, state, known });
  const odd = target.keepsBegin ? oddBegins(target, n, { fold, keys, standing, begins: derived.begins }) : NOTHING;
  return {
    stands: imagesStand(target, n),
    before: [truncated.statement, derived.ended.length > 0 ? insertEnded(archive, n) : ''].filter((s) => s !== '').join('\n'),
    after: odd.statement,
    mixed: derived.mixed,
    params: { ...truncated.params, ...odd.params },
  };
}

/** A statement with its parameters. */
interface Part {
  readonly statement: string;
  readonly params: MssqlParams;
}

const NOTHING: Part = { statement: '', params: {} };

function noteDueOfBatch({ target, fold, n }: HistoryRequest): BatchHistory {
  const due = dueOfBatch(target, fold.changes);
  if (due.length === 0) return NO_HISTORY;
  const i = String(n);
  return { ...NO_HISTORY, before: noteDueSql(`@dueTable${i}`, `@due${i}`), params: { [`dueTable${i}`]: t.nvarchar(target.mapping.id, 300), [`due${i}`]: dueParam(due) } };
}

/** The latest commit time of each key's events: with the greatest of it and of what stands, the begin of nearly every row is right. */
export function stagedBegins(mapping: TableMapping, changes: readonly RowEvent[]): Map<string, bigint> {
  const begins = new Map<string, bigint>();
  const note = (key: readonly string[], us: bigint): void => {
    const id = keyIdentity(mapping, key);
    begins.set(id, later(begins.get(id) ?? null, us) ?? us);
  };
  for (const event of changes) {
    if (event.op === 'truncate') continue;
    note(event.op === 'delete' ? event.key : keyOfRow(mapping, event.row), event.tx.committedAtUs);
    if (event.op === 'update' && event.oldKey !== null) note(event.oldKey, event.tx.committedAtUs);
  }
  return begins;
}

function later(a: bigint | null, b: bigint | null): bigint | null {
  return a === null ? b : b === null || a > b ? a : b;
}

/** Sets begins that the set-based write got wrong: a row of an older epoch that is as it was goes on. */
export function setBegins(target: Target, n: number): string {
  const i = String(n);
  const touched = touchedOf(target, n);
  return `UPDATE t SET t.${BEGIN_COLUMN} = CONVERT(${TIME_TYPE}, b.begins, 121)
  FROM OPENJSON(@odd${i}) WITH (ord int '$[0]', begins nvarchar(40) '$[1]') AS b JOIN ${touched.table} AS u ON u.ord = b.ord JOIN ${target.sql} AS t ${SEEK} ON ${touched.same('t', 'u')};`;
}

function oddBegins(target: Target, n: number, of: { readonly fold: FoldedTable; readonly keys: ReadonlyMap<string, readonly string[]>; readonly standing: ReadonlyMap<string, StandingImage>; readonly begins: DerivedHistory['begins'] }): Part {
  const staged = stagedBegins(target.mapping, of.fold.changes);
  const ords = new Map([...of.keys.keys()].map((id, ord) => [id, ord]));
  const odd = [...of.begins].flatMap(([id, beginUs]) => {
    const ord = ords.get(id);
    return ord === undefined || beginUs === later(staged.get(id) ?? null, of.standing.get(id)?.beginUs ?? null) ? [] : [[ord, beginText(beginUs)]];
  });
  return odd.length === 0 ? NOTHING : { statement: setBegins(target, n), params: { [`odd${String(n)}`]: t.json(odd) } };
}

function rereadByIdentity(mapping: TableMapping, reread: RereadRows | undefined): Map<string, Row | null> {
  const rows = new Map<string, Row | null>();
  for (const row of reread?.rows ?? []) rows.set(keyIdentity(mapping, keyOfRow(mapping, row)), row);
  for (const key of reread?.absent ?? []) rows.set(keyIdentity(mapping, key), null);
  return rows;
}

interface Truncation {
  readonly n: number;
  readonly fold: FoldedTable;
  readonly state: TableStanding;
  readonly known: ReadonlySet<string>;
}

/**
 * Rows a truncate takes of keys that no event before it in the batch has touched; those are `deriveHistory`'s. Parameters:
 * `@truncateAt0` (position), `@truncateTime0`, `@truncateBefore0`, `@truncateChange0`; `@epoch0` is the state's.
 */
export function truncatedRowsSql(target: Target, archive: Archive, of: { readonly n: number; readonly live: boolean; readonly inexact: boolean; readonly identified: boolean }): string {
  const i = String(of.n);
  const time = `CONVERT(${TIME_TYPE}, @truncateTime${i}, 121)`;
  const position = `@truncateAt${i}`;
  const end: SetEnd = {
    at: time,
    deleted: '1',
    approximate: archive.inRow || of.inexact ? '1' : `CASE WHEN t.${EPOCH_COLUMN} < @epoch${i}${of.live ? '' : ` OR DATALENGTH(t.${POSITION_COLUMN}) = 0`} THEN 1 ELSE 0 END`,
    position,
    ...(of.identified ? { change: `CONVERT(${CHANGE_TYPE}, @truncateChange${i}, 2)` } : {}),
  };
  // rows that began after it were not there: it may be emitted again, having ended nothing
  const begin = beginOf(target, archive);
  const trusted = of.live ? '' : ` AND t.${POSITION_COLUMN} IS NOT NULL`;
  const touched = touchedOf(target, of.n);
  return `${archiveRows(target, archive, end, true)} FROM ${target.sql} AS t
 WHERE (t.${EPOCH_COLUMN} < @epoch${i} OR (t.${EPOCH_COLUMN} = @epoch${i} AND (t.${POSITION_COLUMN} IS NULL OR t.${POSITION_COLUMN} <= ${position})${trusted}))${of.identified ? `
   AND (${begin} IS NULL OR ${begin} <= ${archive.inRow ? asPeriod(archive.from, time) : time})` : ''}
   AND NOT EXISTS (SELECT 1 FROM ${touched.table} AS u WHERE u.ord < @truncateBefore${i} AND ${touched.same('t', 'u')});`;
}

function archiveTruncated(target: Target, archive: Archive, { n, fold, state, known }: Truncation): Part {
  const { mapping } = target;
  const { truncate } = fold;
  const first = fold.changes.findIndex((event) => event.op === 'truncate');
  const event = fold.changes[first];
  if (truncate === null || event === undefined) return NOTHING;
  const { truncated } = state;
  if (truncated !== null && truncated.epoch === state.epoch && truncate.isBelow(truncated.position)) return NOTHING;
  const identity = changeIdentity(mapping, event);
  // emitted again: it has ended what it found, and takes away what followed only until that is emitted again too
  if (identity !== null && known.has(identity.id)) return NOTHING;
  const inexact = (state.mixed && state.phase !== 'live') || (state.rereadUntil !== null && !state.rereadUntil.isBelow(truncate));
  const i = String(n);
  return {
    statement: truncatedRowsSql(target, archive, { n, live: state.phase === 'live', inexact, identified: identity !== null }),
    params: {
      [`truncateAt${i}`]: t.varbinary(event.tx.position.toBytes(), 16),
      [`truncateTime${i}`]: t.nvarchar(beginText(event.tx.committedAtUs), 40),
      // touched keys are numbered in the order of their first event
      [`truncateBefore${i}`]: t.int(touchedKeys(mapping, fold.changes.slice(0, first)).size),
      ...(identity === null ? {} : { [`truncateChange${i}`]: t.nvarchar(identity.hex, 256) }),
    },
  };
}

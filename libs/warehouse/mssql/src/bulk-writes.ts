import { ruleHolds } from '@elstream/core';
import { hexOf } from './control-state';
import { archiveOverfilled, fillBegin, fillPosition } from './history/overfilled';
import { BEGIN_COLUMN, greatest } from './history/archive';
import { batchName, CHUNK, STAGED, type BatchShape } from './staging';
import { EPOCH_COLUMN, keyEquals, keyOf, POSITION_COLUMN, POSITION_TYPE, quotedOf, SEEK, stagedOf, type EntityColumn, type Target } from './target';

/**
 * Set-based statements of the two hot paths, written from the entity's columns. They state the predicates of core
 * `version.ts` in T-SQL; the `decisions` suite holds the two together. No MERGE: an UPDATE of what stands, then an INSERT of
 * what does not. Tables of ours do not escalate locks, so a statement may touch any number of rows.
 *
 * `t` is the target's row, `m` the marker, `s` the staged row; the state's variables end in the table's number `n`.
 */

/** `decide`: the standing row or marker is newer than the staged write (same epoch, both of kind stream, higher position). */
const newer = (standing: string, position: string, epoch: string): string =>
  `(${standing}.${EPOCH_COLUMN} > ${epoch} OR (${standing}.${EPOCH_COLUMN} = ${epoch} AND ${standing}.${POSITION_COLUMN} IS NOT NULL AND ${standing}.${POSITION_COLUMN} > ${position}))`;

const sameTarget = (target: Target): string => keyEquals(target.key, quotedOf('t'), stagedOf('s'));
const sameMarker = (target: Target): string => keyEquals(target.key, quotedOf('m'), stagedOf('s'));

/** Equal keys may be spelled differently (`-0` and `0`, offsets of one instant): then the key is written anew too. */
function respelled(target: Target): EntityColumn[] {
  return target.key.filter((c) => /^(?:float|real|datetimeoffset)\b/i.test(c.type));
}

/** Columns that a write over a standing row sets. */
export function written(target: Target): EntityColumn[] {
  const again = respelled(target);
  return target.columns.filter((c) => !target.key.includes(c) || again.includes(c));
}

/** Applies a truncate (R6): what stood at or before `position` goes. Adds to `@deleted`. */
export function truncateTarget(target: Target, epoch: string, position: string): string {
  return `DELETE t FROM ${target.sql} AS t WITH (TABLOCK) WHERE t.${EPOCH_COLUMN} < ${epoch} OR (t.${EPOCH_COLUMN} = ${epoch} AND (t.${POSITION_COLUMN} IS NULL OR t.${POSITION_COLUMN} <= ${position}));
SET @deleted = @deleted + @@ROWCOUNT;`;
}

/**
 * Fills unknown cells of moved rows from the row that moved (R6), where it is of the current epoch and may be trusted
 * (`mayCarry`); they become plain upserts. Before any delete, since the old row is about to go.
 */
function fillCarried(target: Target, n: number, shape: BatchShape): string[] {
  const from = keyEquals(target.key, quotedOf('t'), keyOf('s'));
  return shape.unknownGroups.map(
    (unknown, group) => `IF @phase${String(n)} = N'live'
UPDATE s SET op = ${String(STAGED.upsert)}, ${columnsAt(target, unknown).map((c) => `${c.property} = t.${c.quoted}`).join(', ')}
  FROM ${batchName(n)} AS s JOIN ${target.sql} AS t ${SEEK} ON ${from}
 WHERE s.op = ${String(STAGED.partial)} AND s.grp = ${String(group)} AND s.k0 IS NOT NULL AND t.${EPOCH_COLUMN} = @epoch${String(n)} AND ${hexOf('s.pos')} > ISNULL(@until${String(n)}, N'');`,
  );
}

/**
 * Rows whose unknown columns nothing of the current epoch supplies (`mayKeepUnknown`). A moved row's own place counts only
 * for itself, so a carried row that was not filled is always among them; so is one that begins anew.
 */
function unresolved(target: Target, n: number): string {
  return `s.op = ${String(STAGED.partial)} AND (s.fresh = 1 OR s.k0 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM ${target.sql} AS t ${SEEK} WHERE ${sameTarget(target)} AND t.${EPOCH_COLUMN} = @epoch${String(n)}))`;
}

/** Decides on the staged rows: drops those before a truncate, fills what may be carried, notes in `@again` what has to be read again. */
export function decideStaged(target: Target, n: number, shape: BatchShape, trial: boolean): string[] {
  const stage = batchName(n);
  const lines = [`IF @truncated${String(n)} IS NOT NULL DELETE FROM ${stage} WHERE ${hexOf('pos')} < @truncated${String(n)};`];
  if (shape.unknownGroups.length === 0) return lines;
  if (shape.carried > 0) lines.push(...fillCarried(target, n, shape));
  // a trial (R7): they count as NULL, so that it needs no source
  if (trial) lines.push(`UPDATE s SET op = ${String(STAGED.upsert)} FROM ${stage} AS s WHERE ${unresolved(target, n)};`);
  else lines.push(`INSERT INTO @again (n, ord) SELECT ${String(n)}, s.ord FROM ${stage} AS s WHERE ${unresolved(target, n)};`);
  return lines;
}

/** Writes the staged rows, deletes first (R6). Adds to `@written` and `@deleted`. */
export function writeStaged(target: Target, n: number, shape: BatchShape, trial: boolean): string[] {
  const lines: string[] = [];
  if (shape.deletes > 0) lines.push(...deleteStaged(target, n));
  const partials = shape.unknownGroups.length > 0;
  if (shape.upserts > 0 || shape.carried > 0 || (trial && partials)) lines.push(...upsertStaged(target, n));
  if (partials) lines.push(...updatePartials(target, n, shape));
  lines.push(clearMarkers(target, n));
  return lines;
}

const marks = (n: number): string => `(@phase${String(n)} = N'preloading' OR @uses${String(n)} = 1)`;

function deleteStaged(target: Target, n: number): string[] {
  const [stage, epoch] = [batchName(n), `@epoch${String(n)}`];
  const lines = [
    `DELETE t FROM ${target.sql} AS t ${SEEK} JOIN ${stage} AS s ON ${sameTarget(target)} WHERE s.op = ${String(STAGED.delete)} AND NOT ${newer('t', 's.pos', epoch)};
SET @deleted = @deleted + @@ROWCOUNT;`,
  ];
  if (!ruleHolds('R5-delete-markers')) return lines;
  const keys = target.key.map((c) => c.quoted).join(', ');
  const stagedKeys = target.key.map((c) => `s.${c.property}`).join(', ');
  // a row still standing is newer than the delete: then the delete was ignored and leaves no marker
  const gone = `s.op = ${String(STAGED.delete)} AND NOT EXISTS (SELECT 1 FROM ${target.sql} AS t ${SEEK} WHERE ${sameTarget(target)})`;
  // the last of two spellings of an equal key; keys equal to the server but for trailing blanks have one marker
  const last = `(SELECT ${stagedKeys}, s.pos, ROW_NUMBER() OVER (PARTITION BY ${stagedKeys} ORDER BY s.pos DESC) AS nth FROM ${stage} AS s WHERE ${gone})`;
  const anyMarker = target.key.map((c) => `m.${c.quoted} = s.${c.property}`).join(' AND ');
  lines.push(`IF ${marks(n)}
BEGIN
  UPDATE m SET m.${EPOCH_COLUMN} = ${epoch}, m.${POSITION_COLUMN} = s.pos FROM ${target.markerSql} AS m ${SEEK} JOIN ${last} AS s ON ${sameMarker(target)} WHERE s.nth = 1 AND NOT ${newer('m', 's.pos', epoch)};
  INSERT INTO ${target.markerSql} (${keys}, ${EPOCH_COLUMN}, ${POSITION_COLUMN})
  SELECT ${stagedKeys}, ${epoch}, s.pos FROM ${last} AS s WHERE s.nth = 1 AND NOT EXISTS (SELECT 1 FROM ${target.markerSql} AS m ${SEEK} WHERE ${anyMarker});
END;`);
  return lines;
}

function upsertStaged(target: Target, n: number): string[] {
  const epoch = `@epoch${String(n)}`;
  const passed = `SELECT 1 FROM ${target.markerSql} AS m ${SEEK} WHERE ${sameMarker(target)} AND ${newer('m', 's.pos', epoch)}`;
  const begin = target.keepsBegin ? `, t.${BEGIN_COLUMN} = ${greatest('s.vf', `t.${BEGIN_COLUMN}`)}` : '';
  const from = `${batchName(n)} AS s`;
  return upsert(target, { from, where: `s.op = ${String(STAGED.upsert)} AND NOT EXISTS (${passed})`, over: `NOT ${newer('t', 's.pos', epoch)}`, version: [epoch, 's.pos'], begin, fresh: 's.vf', counter: '@written' });
}

interface Upsert {
  readonly from: string;
  /** What is written at all. */
  readonly where: string;
  /** Which standing rows it replaces. */
  readonly over: string;
  readonly version: readonly [epoch: string, position: string];
  /** Position of a row that is replaced; default: that of `version`. */
  readonly replaced?: string;
  /** `, t.begin = …` */
  readonly begin: string;
  readonly fresh: string;
  readonly counter: string;
}

/** Replaces what stands, then inserts where nothing stands. */
function upsert(target: Target, of: Upsert): string[] {
  const [epoch, position] = of.version;
  const sets = [...written(target).map((c) => `t.${c.quoted} = s.${c.property}`), `t.${EPOCH_COLUMN} = ${epoch}`, `t.${POSITION_COLUMN} = ${of.replaced ?? position}`].join(', ');
  const names = [...target.columns.map((c) => c.quoted), EPOCH_COLUMN, POSITION_COLUMN, ...(target.keepsBegin ? [BEGIN_COLUMN] : [])].join(', ');
  const values = [...target.columns.map((c) => `s.${c.property}`), epoch, position, ...(target.keepsBegin ? [of.fresh] : [])].join(', ');
  const count = `SET ${of.counter} = ${of.counter} + @@ROWCOUNT;`;
  return [
    `UPDATE t SET ${sets}${of.begin}
  FROM ${target.sql} AS t ${SEEK} JOIN ${of.from} ON ${sameTarget(target)} WHERE ${of.where} AND ${of.over};
${count}`,
    `INSERT INTO ${target.sql} (${names})
SELECT ${values} FROM ${of.from} WHERE ${of.where} AND NOT EXISTS (SELECT 1 FROM ${target.sql} AS t ${SEEK} WHERE ${sameTarget(target)});
${count}`,
  ];
}

function updatePartials(target: Target, n: number, shape: BatchShape): string[] {
  const epoch = `@epoch${String(n)}`;
  return shape.unknownGroups.map((unknown, group) => {
    const known = written(target).filter((c) => !unknown.includes(target.columns.indexOf(c)));
    const sets = [...known.map((c) => `t.${c.quoted} = s.${c.property}`), `t.${EPOCH_COLUMN} = ${epoch}`, `t.${POSITION_COLUMN} = s.pos`, ...(target.keepsBegin ? [`t.${BEGIN_COLUMN} = ${greatest('s.vf', `t.${BEGIN_COLUMN}`)}`] : [])];
    return `UPDATE t SET ${sets.join(', ')}
  FROM ${target.sql} AS t ${SEEK} JOIN ${batchName(n)} AS s ON ${sameTarget(target)}
 WHERE s.op = ${String(STAGED.partial)} AND s.grp = ${String(group)} AND t.${EPOCH_COLUMN} = ${epoch} AND NOT ${newer('t', 's.pos', epoch)};
SET @written = @written + @@ROWCOUNT;`;
  });
}

/** A written row takes its marker's place. */
function clearMarkers(target: Target, n: number): string {
  const epoch = `@epoch${String(n)}`;
  return `IF ${marks(n)} DELETE m FROM ${target.markerSql} AS m ${SEEK} JOIN ${batchName(n)} AS s ON ${sameMarker(target)} WHERE s.op <> ${String(STAGED.delete)} AND NOT ${newer('m', 's.pos', epoch)};`;
}

/**
 * R4: a staged chunk fills the places `mayFill` allows. Adds to `@filled`.
 *
 * @param epoch T-SQL of the fill's epoch
 * @param range condition over `s`: the rows of the chunk that are filled
 * @param added target columns that rows of older epochs never had: history does not count a row as changed for them
 */
export function fillFromChunk(target: Target, epoch: string, range: string, added: readonly string[]): string[] {
  const touched = `EXISTS (SELECT 1 FROM ${target.markerSql} AS m ${SEEK} WHERE ${sameMarker(target)} AND m.${EPOCH_COLUMN} >= ${epoch})`;
  const value = stagedOf('s');
  const begin = fillBegin(target, { value, epoch, added });
  const stage = `(SELECT * FROM ${CHUNK} AS s WHERE ${range})`;
  const overfilled = archiveOverfilled(target, { stage, value, epoch, added, touched });
  return [
    ...(overfilled === '' ? [] : [overfilled]),
    ...upsert(target, {
      from: `${CHUNK} AS s`,
      where: `${range} AND NOT ${touched}`,
      over: `(t.${EPOCH_COLUMN} < ${epoch} OR (t.${EPOCH_COLUMN} = ${epoch} AND t.${POSITION_COLUMN} IS NULL))`,
      version: [epoch, `CONVERT(${POSITION_TYPE}, NULL)`],
      replaced: fillPosition(target, { value, epoch, added }),
      begin: begin === null ? '' : `, t.${BEGIN_COLUMN} = ${begin.standing}`,
      fresh: begin?.fresh ?? 'NULL',
      counter: '@filled',
    }),
  ];
}

function columnsAt(target: Target, indices: readonly number[]): EntityColumn[] {
  return indices.flatMap((i) => target.columns[i] ?? []);
}

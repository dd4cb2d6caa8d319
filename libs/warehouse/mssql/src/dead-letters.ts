import { CAPTURE_RESUMED, encodeDeadLetterRow, type EventCell, type ParkedEvent } from '@elstream/core';
import { t, type BulkTable, type MssqlParam } from '@elstream/database';

/**
 * R7: what is parked is loaded into a temporary table before BEGIN; the statements here move it on inside the transaction.
 * `@pipeline` and `@limit` (more than this many for one code stop the table) are bound, `@now` is the transaction's time.
 */

const TEXT = 'COLLATE Latin1_General_100_BIN2';
export const PARKED = '#parked';

/** Made anew, in a batch of its own: it has to outlive it. */
export const createParked = `DROP TABLE IF EXISTS ${PARKED};
CREATE TABLE ${PARKED} (ord int NOT NULL PRIMARY KEY, table_id nvarchar(300) ${TEXT} NOT NULL, origin nvarchar(64) NOT NULL, op nvarchar(64) NOT NULL, key_json nvarchar(max) NULL, old_key_json nvarchar(max) NULL, row_json nvarchar(max) NULL, bytes varbinary(max) NOT NULL, code nvarchar(100) ${TEXT} NOT NULL, reason nvarchar(max) NOT NULL, position nvarchar(128) NULL, committed_at_us nvarchar(20) NULL);`;

const text = (length?: number) => t.nvarchar(null, length).type;

export const parkedBulk: BulkTable = {
  name: PARKED,
  columns: [
    { name: 'ord', type: t.int(null).type, nullable: false },
    { name: 'table_id', type: text(300), nullable: false },
    { name: 'origin', type: text(64), nullable: false },
    { name: 'op', type: text(64), nullable: false },
    { name: 'key_json', type: text(), nullable: true },
    { name: 'old_key_json', type: text(), nullable: true },
    { name: 'row_json', type: text(), nullable: true },
    { name: 'bytes', type: t.varbinary(null).type, nullable: false },
    { name: 'code', type: text(100), nullable: false },
    { name: 'reason', type: text(), nullable: false },
    { name: 'position', type: text(128), nullable: true },
    { name: 'committed_at_us', type: text(20), nullable: true },
  ],
};

/** A line of `parkedBulk`. */
export function parkedLine(letter: ParkedEvent, ord: number): unknown[] {
  const row = letter.row === null ? null : rowJson(letter.row);
  return [ord, letter.table, letter.origin, letter.op, keyJson(letter.key), keyJson(letter.oldKey), row, Buffer.from(letter.bytes), letter.code, wellFormed(letter.reason), letter.position?.hex ?? null, letter.committedAtUs?.toString() ?? null];
}

/** Half of a surrogate pair, which may be the very reason to park, is no character. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** A key that no column can hold is no key to replay by; `bytes` keep it. */
export function keyJson(key: readonly string[] | null): string | null {
  return key === null || !key.every((cell) => cell === wellFormed(cell)) ? null : JSON.stringify(key);
}

/** For people to look at. */
export function rowJson(row: readonly EventCell[]): string {
  return JSON.stringify(encodeDeadLetterRow(row.map((cell) => (typeof cell === 'string' ? wellFormed(cell) : cell))));
}

/** Parks what concerns tables that take events; what concerns others is passed over. Sets `@parked bigint`. */
export const parkStaged = `INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, [key], old_key, [row], bytes, code, reason, position, committed_at_us, epoch)
SELECT @pipeline, p.table_id, p.origin, p.op, p.key_json, p.old_key_json, p.row_json, p.bytes, p.code, p.reason, p.position, CONVERT(bigint, p.committed_at_us), s.epoch
  FROM ${PARKED} AS p JOIN elstream.table_state AS s ON s.pipeline = @pipeline AND s.table_id = p.table_id
 WHERE s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') ORDER BY p.ord;
SET @parked = @@ROWCOUNT;`;

/** The versions that parked events of copied history leave due. `@parked_due`: JSON of `[ord, table, key]`. */
export const noteDueOfParked = `INSERT INTO elstream.history_due (pipeline, table_id, [key])
SELECT @pipeline, j.table_id, j.key_json
  FROM OPENJSON(@parked_due) WITH (ord int '$[0]', table_id nvarchar(300) '$[1]', key_json nvarchar(max) '$[2]' AS JSON) AS j JOIN elstream.table_state AS s ON s.pipeline = @pipeline AND s.table_id = j.table_id ${TEXT}
 WHERE s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') ORDER BY j.ord;`;

export function parkedDue(parked: readonly ParkedEvent[]): MssqlParam {
  const due = parked.flatMap(({ table, dueHistory }) => (dueHistory ?? []).filter((key) => keyJson(key) !== null).map((key) => [table, key]));
  return t.json(due.map((line, ord) => [ord, ...line]));
}

const REMEDY = `N'. Override the column''s type in the pipeline file or mend the rows at the source, then start a run for the table: it loads it again and discards what is parked'`;

/** Too many for one reason are no stray values: the column's type, or the table, is wrong. Under the locks of the tables in `#parked`. Rows that capture may have left out do not count: the warehouse refused none of them. */
export const stopAboveLimit = `UPDATE s SET phase = N'stopped', updated_at = @now,
       error = CONCAT(most.parked, N' events or rows are parked for ', most.code, N', more than the limit of ', @limit, N'; the last: ', newest.reason, ${REMEDY})
  FROM elstream.table_state AS s
 CROSS APPLY (SELECT TOP (1) d.code, COUNT_BIG(*) AS parked, MAX(d.seq) AS seq FROM elstream.dead_letter AS d
               WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked' AND d.code <> N'${CAPTURE_RESUMED}' GROUP BY d.code HAVING COUNT_BIG(*) > @limit ORDER BY COUNT_BIG(*) DESC, d.code) AS most
  JOIN elstream.dead_letter AS newest ON newest.seq = most.seq
 WHERE s.pipeline = @pipeline AND s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') AND s.table_id IN (SELECT p.table_id FROM ${PARKED} AS p);`;

/** A new epoch reads the table anew: what was parked in an older one says nothing any more. In the transaction that raises it. */
export function discardOlder(table: string, epoch: string): string {
  return `UPDATE elstream.dead_letter SET state = N'discarded', settled_at = @now, note = N'the table was preloaded again'
 WHERE pipeline = @pipeline AND table_id = ${table} AND state = N'parked' AND epoch < ${epoch};`;
}

import type { QueryRunner } from 'typeorm';
import { decodeRows, encodeRow, keyOfRow, notUnicode, recoveryOf, type Cell, type ElstreamError } from '@elstream/core';
import { classifyPostgresError, copyIn, sqlOn, type Sql } from '@elstream/database';
import { fillFromChunk, type Fill } from './bulk-writes';
import { keyJson, parkStaged, rowJson, type Parked } from './dead-letters';
import { ensureCareful, type CarefulTables } from './staging';
import { textOf } from './standing';
import type { Target } from './target';

/** Rows of a piece, and about the characters at which it ends earlier: no more of the chunk is held in memory. */
const PIECE_ROWS = 500;
const PIECE_CHARS = 4 * 1024 * 1024;

interface Line {
  readonly ord: number;
  readonly row: readonly Cell[];
  readonly text: string;
}

/**
 * R7 for a chunk: what the warehouse cannot take is narrowed down to the row, first where its values are staged (before
 * BEGIN, R2), then where the target's own constraints refuse it. Bad rows wait in a temporary table, not in memory, until
 * they are parked in the transaction of the fill.
 */
export class CarefulChunk {
  /** Rows read, bad ones among them. */
  rows = 0;
  private readonly bad = new Map<string, number>();
  private most = 0;

  private constructor(
    private readonly sql: Sql,
    private readonly tables: CarefulTables,
    private readonly target: Target,
    private readonly limit: number,
  ) {}

  /** Stages the rows; those it cannot are noted. Stops reading once there are more than the limit: the table is stopped anyway. */
  static async stage(runner: QueryRunner, target: Target, chunk: { readonly rows: AsyncIterable<Uint8Array>; readonly limit: number }): Promise<CarefulChunk> {
    const careful = new CarefulChunk(sqlOn(runner), await ensureCareful(runner, target), target, chunk.limit);
    let piece: Line[] = [];
    let chars = 0;
    for await (const row of decodeRows(chunk.rows)) {
      const line = { ord: careful.rows, row, text: encodeRow(row) };
      careful.rows += 1;
      // said by us: the two products would give two reasons, and neither names the column
      const unfit = notUnicode(target.mapping, row);
      if (unfit !== null) {
        await careful.note(line.ord, row, unfit);
        if (careful.exceeded) return careful;
        continue;
      }
      piece.push(line);
      chars += line.text.length;
      if (piece.length < PIECE_ROWS && chars < PIECE_CHARS) continue;
      await careful.stagePiece(piece);
      if (careful.exceeded) return careful;
      piece = [];
      chars = 0;
    }
    await careful.stagePiece(piece);
    return careful;
  }

  /** More bad rows for one reason in this chunk alone than may be parked: the table is going to be stopped. */
  get exceeded(): boolean {
    return this.most > this.limit;
  }

  private async stagePiece(piece: readonly Line[]): Promise<void> {
    const [first] = piece;
    if (first === undefined || this.exceeded) return;
    const columns = ['ord', ...this.target.columns.map((c) => c.property)];
    try {
      await copyIn(this.sql.runner, `COPY ${this.tables.stage} (${columns.join(', ')}) FROM STDIN`, piece.map((line) => Buffer.from(`${line.ord}\t${line.text}`, 'utf8')));
    } catch (error) {
      const refused = toPark(error);
      if (piece.length === 1) return this.note(first.ord, first.row, refused);
      const half = Math.ceil(piece.length / 2);
      await this.stagePiece(piece.slice(0, half));
      await this.stagePiece(piece.slice(half));
    }
  }

  /** Fills what the target takes; in the caller's transaction, under its locks. Returns the rows written. */
  async fill(fill: Fill): Promise<number> {
    return this.exceeded ? 0 : this.fillRange(fill, 0, this.rows);
  }

  private async fillRange(fill: Fill, from: number, to: number): Promise<number> {
    if (this.exceeded || from >= to) return 0;
    await this.sql.query('SAVEPOINT elstream_fill');
    try {
      const filled = await fillFromChunk(this.sql, this.target, `(SELECT * FROM ${this.tables.stage} WHERE ord >= ${from} AND ord < ${to})`, fill);
      await this.sql.query('RELEASE SAVEPOINT elstream_fill');
      return filled;
    } catch (error) {
      const refused = toPark(error);
      await this.sql.query('ROLLBACK TO SAVEPOINT elstream_fill');
      await this.sql.query('RELEASE SAVEPOINT elstream_fill');
      if (to - from === 1) {
        await this.note(from, await this.stagedRow(from), refused);
        return 0;
      }
      const step = to - from > PIECE_ROWS ? PIECE_ROWS : Math.ceil((to - from) / 2);
      let filled = 0;
      for (let start = from; start < to; start += step) filled += await this.fillRange(fill, start, Math.min(to, start + step));
      return filled;
    }
  }

  private async stagedRow(ord: number): Promise<Cell[]> {
    const cells = this.target.columns.map((c) => `${textOf('s', { ...c, quoted: c.property })} AS ${c.property}`);
    const [row] = await this.sql.query<Record<string, string | null>>(`SELECT ${cells.join(', ')} FROM ${this.tables.stage} AS s WHERE s.ord = $1`, [ord]);
    return this.target.columns.map((c) => row?.[c.property] ?? null);
  }

  private async note(ord: number, row: readonly Cell[], error: ElstreamError): Promise<void> {
    const bad = (this.bad.get(error.code) ?? 0) + 1;
    this.bad.set(error.code, bad);
    this.most = Math.max(this.most, bad);
    await this.sql.execute(`INSERT INTO ${this.tables.bad} (ord, "key", "row", bytes, code, reason) VALUES ($1, $2, $3, $4, $5, $6)`, [
      ord,
      keyJson(keyOf(this.target, row)),
      rowJson(row),
      Buffer.from(encodeRow(row), 'utf8'),
      error.code,
      error.message,
    ]);
  }

  /** Parks what was noted, in the caller's transaction. */
  async park(pipeline: string, epoch: number): Promise<Parked> {
    if (this.bad.size === 0) return { parked: 0, stopped: null };
    return parkStaged(this.sql, { pipeline, table: this.target.mapping.id, epoch, from: this.tables.bad, limit: this.limit });
  }
}

/** Anything but a value that does not fit is the chunk's failure, not a row's. */
function toPark(error: unknown): ElstreamError {
  const classified = classifyPostgresError(error);
  if (recoveryOf(classified) !== 'park') throw classified;
  return classified;
}

function keyOf(target: Target, row: readonly Cell[]): string[] | null {
  return target.mapping.key.some((i) => row[i] === null || row[i] === undefined) ? null : keyOfRow(target.mapping, row);
}

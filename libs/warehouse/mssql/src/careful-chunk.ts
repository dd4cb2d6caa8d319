import { decodeRow, decodeRows, encodeRow, keyOfRow, notUnicode, recoveryOf, type Cell, type ElstreamError, type ParkedEvent } from '@elstream/core';
import { t, type TSqlSession } from '@elstream/database';
import type { ChunkResult, ChunkWrite } from '@elstream/warehouse';
import { createParked, parkedBulk, parkedLine } from './dead-letters';
import { mergeChunk } from './load-chunk';
import { mergeChunkSql } from './merge-chunk';
import { claimParams } from './phases';
import { runTransaction } from './server-transaction';
import { CHUNK, chunkBulk, chunkLines, chunkMisfits, convertChunk, createChunkTables, misfit, rawName } from './staging';
import type { Target } from './target';

/** Rows of a piece, and about the characters at which it ends earlier: no more of the chunk is held in memory. */
const PIECE_ROWS = 500;
const PIECE_CHARS = 4 * 1024 * 1024;

interface Line {
  readonly ord: number;
  readonly row: readonly Cell[];
  /** As the row codec has it. */
  readonly text: string;
}

interface Careful {
  readonly write: ChunkWrite;
  readonly target: Target;
  readonly lockMs: number;
  readonly limit: number;
}

/**
 * R7 for a chunk: what the warehouse cannot take is narrowed down to the row, first where its values are staged, then where
 * the target's own constraints refuse it. The latter is found by trials, each a transaction of its own that is rolled back:
 * a failed statement would end the merge's transaction, and a savepoint would need a client between BEGIN and COMMIT (R2).
 * Bad rows wait in `#parked`, not in memory, until they are parked with the fill.
 */
export class CarefulChunk {
  private rows = 0;
  private parked = 0;
  private readonly bad = new Map<string, number>();
  private most = 0;
  private lost = false;

  private constructor(
    private readonly session: TSqlSession,
    private readonly of: Careful,
  ) {}

  /** Stages the rows; those it cannot are noted. Stops reading once there are more than the limit: the table is stopped anyway. */
  static async stage(session: TSqlSession, of: Careful): Promise<CarefulChunk> {
    const careful = new CarefulChunk(session, of);
    await session.batch(createChunkTables(of.target));
    await session.batch(createParked);
    let piece: Line[] = [];
    let chars = 0;
    for await (const row of decodeRows(of.write.rows)) {
      const line = { ord: careful.rows, row, text: encodeRow(row) };
      careful.rows += 1;
      // said by us: the two products would give two reasons, and neither names the column
      const unfit = notUnicode(of.target.mapping, row);
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

  /** Fills what the target takes and parks the rest. */
  async merge(): Promise<ChunkResult> {
    for (;;) {
      try {
        const { write, target, lockMs, limit } = this.of;
        return await mergeChunk(this.session, { write, target, lockMs, rows: this.rows, park: { limit }, empty: this.exceeded });
      } catch (error) {
        const refused = toPark(error);
        const before = this.parked;
        await this.tryRange(0, this.rows);
        if (this.lost) return { outcome: 'lost' };
        // refused as a whole and by no row: as another error, it is the chunk's failure
        if (this.parked === before) throw refused;
      }
    }
  }

  /** More bad rows for one reason in this chunk alone than may be parked: the table is going to be stopped. */
  private get exceeded(): boolean {
    return this.most > this.of.limit;
  }

  private async stagePiece(piece: readonly Line[]): Promise<void> {
    const [first] = piece;
    if (first === undefined || this.exceeded) return;
    try {
      await this.stageLines(piece);
    } catch (error) {
      const refused = toPark(error);
      if (piece.length === 1) return this.note(first.ord, first.row, refused);
      const half = Math.ceil(piece.length / 2);
      await this.stagePiece(piece.slice(0, half));
      await this.stagePiece(piece.slice(half));
    }
  }

  private async stageLines(piece: readonly Line[]): Promise<void> {
    const { target } = this.of;
    const line = chunkLines(target);
    const lines = piece.map(({ row, ord, text }) => line(row, ord, text));
    await this.session.execute(`TRUNCATE TABLE ${rawName('')};`);
    await this.session.bulk(chunkBulk(target), lines);
    const misfits = chunkMisfits(target);
    if (misfits !== null && (await this.session.rows(misfits)).length > 0) throw misfit(target);
    await this.session.execute(convertChunk(target));
  }

  /** Takes rows that the target refuses out of the staged ones. */
  private async tryRange(from: number, to: number): Promise<void> {
    if (this.exceeded || this.lost || from >= to) return;
    const { write, target, lockMs } = this.of;
    try {
      const statement = mergeChunkSql({ pipeline: write.pipeline, target, lockMs, fills: true, parks: false, trial: true, added: write.added ?? [] });
      const { outcome } = await runTransaction(this.session, statement, { pipeline: t.nvarchar(write.pipeline, 100), table: t.nvarchar(target.mapping.id, 300), rows: t.bigint(0), ...claimParams(write.claim), from0: t.int(from), to0: t.int(to), trial: t.bit(true) });
      this.lost = outcome === 'lost';
    } catch (error) {
      const refused = toPark(error);
      if (to - from === 1) {
        const [staged] = await this.session.rows<{ line: string }>(`SELECT line FROM ${CHUNK} WHERE ord = @ord;`, { ord: t.int(from) });
        if (staged === undefined) return;
        await this.note(from, decodeRow(staged.line.replace(/\n$/, '')), refused);
        await this.session.execute(`DELETE FROM ${CHUNK} WHERE ord = @ord;`, { ord: t.int(from) });
        return;
      }
      const step = to - from > PIECE_ROWS ? PIECE_ROWS : Math.ceil((to - from) / 2);
      for (let start = from; start < to; start += step) await this.tryRange(start, Math.min(to, start + step));
    }
  }

  private async note(ord: number, row: readonly Cell[], error: ElstreamError): Promise<void> {
    const bad = (this.bad.get(error.code) ?? 0) + 1;
    this.bad.set(error.code, bad);
    this.most = Math.max(this.most, bad);
    this.parked += 1;
    const letter: ParkedEvent = {
      table: this.of.target.mapping.id,
      origin: 'preload',
      op: 'row',
      key: keyOf(this.of.target, row),
      oldKey: null,
      row,
      bytes: Buffer.from(encodeRow(row), 'utf8'),
      code: error.code,
      reason: error.message,
      position: null,
      committedAtUs: null,
    };
    await this.session.bulk(parkedBulk, [parkedLine(letter, ord)]);
  }
}

/** Anything but a value that does not fit is the chunk's failure, not a row's. */
function toPark(error: unknown): ElstreamError {
  if (recoveryOf(error) !== 'park') throw error;
  return error as ElstreamError;
}

function keyOf(target: Target, row: readonly Cell[]): string[] | null {
  return target.mapping.key.some((i) => row[i] === null || row[i] === undefined) ? null : keyOfRow(target.mapping, row);
}

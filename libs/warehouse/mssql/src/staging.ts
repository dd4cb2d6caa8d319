import { ElstreamError, keyIdentity, timestampText, type Cell, type FoldedRow } from '@elstream/core';
import { cellValue, stagedColumn, t, type BulkColumn, type BulkTable, type StagedColumn } from '@elstream/database';
import { fullType, POSITION_TYPE, temporaryColumn, type EntityColumn, type Target } from './target';
import { TIME_TYPE } from './history/archive';

/**
 * Staging: rows are loaded in bulk into `#raw…` of types the driver carries without loss, then converted by the server into
 * `#batch…` or `#chunk`, which have the target's types. A value that the target cannot hold fails here, before BEGIN (R2).
 */

/** Staged operation of a folded row. */
export const STAGED = { delete: 0, upsert: 1, partial: 2 } as const;

/** What the statements on a staged batch depend on, besides its target. */
export interface BatchShape {
  /** Unknown column indices per group number (column `grp` of partial rows). */
  readonly unknownGroups: readonly (readonly number[])[];
  readonly deletes: number;
  readonly upserts: number;
  readonly carried: number;
}

/** Temporary tables of the batch's `n`-th table. */
export const rawName = (n: number | string): string => `#raw${String(n)}`;
export const batchName = (n: number): string => `#batch${String(n)}`;
export const CHUNK = '#chunk';

/** A staged column and how its cells get there. */
interface Way {
  readonly name: string;
  readonly column: EntityColumn;
  readonly staged: StagedColumn;
  readonly nullable: boolean;
}

function cellWays(target: Target): Way[] {
  return target.columns.map((column) => ({ name: column.property, column, staged: stagedColumn(fullType(column)), nullable: column.nullable }));
}

/** Of the key that a moved row had. */
function carryWays(target: Target): Way[] {
  return target.key.map((column, i) => ({ name: `k${String(i)}`, column, staged: stagedColumn(fullType(column)), nullable: true }));
}

const rawColumn = ({ name, staged }: Way): string => `${name} ${staged.sqlType} NULL`;
const typedColumn = ({ name, column, nullable }: Way): string => `${temporaryColumn(column, name)} ${nullable ? 'NULL' : 'NOT NULL'}`;
const bulkColumn = ({ name, staged }: Way): BulkColumn => ({ name, type: staged.bulkType, nullable: true });
const converted = ({ name, column }: Way): string => cellValue(fullType(column), `r.${name}`);

/** Rows that only the server can tell not to fit (`StagedColumn.misfit`), the first of them; null: it need not be asked. */
function misfits(raw: string, ways: readonly Way[], range: string): string | null {
  const found = ways.flatMap(({ name, staged }) => (staged.misfit === null ? [] : [staged.misfit(`r.${name}`)]));
  return found.length === 0 ? null : `SELECT TOP (1) r.ord AS ord FROM ${raw} AS r WHERE ${range}(${found.join(' OR ')}) ORDER BY r.ord;`;
}

const RANGE = 'r.ord >= @from AND r.ord < @to';

function both(name: string, typed: string, columns: { readonly own: string; readonly typedOwn: string }, ways: readonly Way[]): string {
  return [
    `DROP TABLE IF EXISTS ${name};`,
    `DROP TABLE IF EXISTS ${typed};`,
    `CREATE TABLE ${name} (${[columns.own, ...ways.map(rawColumn)].join(', ')});`,
    `CREATE TABLE ${typed} (${[columns.typedOwn, ...ways.map(typedColumn)].join(', ')});`,
  ].join('\n');
}

/** The tables of a batch, made anew; in a batch of its own, which they outlive. */
export function createBatchTables(target: Target, n: number): string {
  const own = (vf: string): string => `ord int NOT NULL PRIMARY KEY, op int NOT NULL, grp int NOT NULL, fresh bit NOT NULL, pos ${POSITION_TYPE} NOT NULL, vf ${vf} NULL`;
  return both(rawName(n), batchName(n), { own: own('nvarchar(40)'), typedOwn: own(TIME_TYPE) }, [...cellWays(target), ...carryWays(target)]);
}

/** Converts rows `@from` to `@to`, the latter excluded. */
export function convertBatch(target: Target, n: number): string {
  const ways = [...cellWays(target), ...carryWays(target)];
  return `INSERT INTO ${batchName(n)} (${['ord, op, grp, fresh, pos, vf', ...ways.map((w) => w.name)].join(', ')})
SELECT ${['r.ord, r.op, r.grp, r.fresh, r.pos', `CONVERT(${TIME_TYPE}, r.vf, 121)`, ...ways.map(converted)].join(', ')} FROM ${rawName(n)} AS r WHERE ${RANGE};`;
}

export function batchMisfits(target: Target, n: number): string | null {
  return misfits(rawName(n), [...cellWays(target), ...carryWays(target)], '');
}

export function batchBulk(target: Target, n: number): BulkTable {
  return {
    name: rawName(n),
    columns: [
      { name: 'ord', type: t.int(null).type, nullable: false },
      { name: 'op', type: t.int(null).type, nullable: false },
      { name: 'grp', type: t.int(null).type, nullable: false },
      { name: 'fresh', type: t.bit(null).type, nullable: false },
      { name: 'pos', type: t.varbinary(null, 16).type, nullable: false },
      { name: 'vf', type: t.nvarchar(null, 40).type, nullable: true },
      ...[...cellWays(target), ...carryWays(target)].map(bulkColumn),
    ],
  };
}

/** Folded rows as lines of `batchBulk`. */
export class BatchLines {
  private readonly cells: readonly Way[];
  private readonly carry: readonly Way[];
  private readonly groups = new UnknownGroups();
  readonly shape: BatchShape;

  /** @param begins since when rows are valid, by `keyIdentity`, of a target that keeps it */
  constructor(
    private readonly target: Target,
    rows: readonly FoldedRow[],
    private readonly begins: ReadonlyMap<string, bigint | null>,
  ) {
    this.cells = cellWays(target);
    this.carry = carryWays(target);
    const counts = { deletes: 0, upserts: 0, carried: 0 };
    for (const row of rows) {
      if (row.op === 'delete') counts.deletes += 1;
      else if (row.carryFrom !== null) counts.carried += 1;
      else if (!row.cells.includes(undefined)) counts.upserts += 1;
      if (row.op === 'upsert') this.groups.of(unknownOf(row));
    }
    this.shape = { unknownGroups: this.groups.list, ...counts };
  }

  /** Throws ElstreamError (park) for a cell that its column cannot hold. */
  line(row: FoldedRow, ord: number): unknown[] {
    const begin = this.begins.get(keyIdentity(this.target.mapping, row.key)) ?? null;
    const own = [row.position.toBytes(), begin === null ? null : timestampText(begin, false)];
    if (row.op === 'delete') {
      const cells: Cell[] = this.target.columns.map(() => null);
      this.target.mapping.key.forEach((column, i) => (cells[column] = row.key[i] ?? null));
      return [ord, STAGED.delete, -1, false, ...own, ...encoded(this.cells, cells), ...this.carry.map(() => null)];
    }
    const unknown = unknownOf(row);
    const op = unknown.length === 0 ? STAGED.upsert : STAGED.partial;
    return [ord, op, this.groups.of(unknown), row.fresh, ...own, ...encoded(this.cells, row.cells), ...(row.carryFrom === null ? this.carry.map(() => null) : encoded(this.carry, row.carryFrom))];
  }
}

function encoded(ways: readonly Way[], cells: readonly (Cell | undefined)[]): unknown[] {
  return ways.map(({ staged }, i) => staged.encode(cells[i] ?? null));
}

function unknownOf(row: FoldedRow): number[] {
  return row.op === 'delete' ? [] : row.cells.flatMap((cell, i) => (cell === undefined ? [i] : []));
}

class UnknownGroups {
  readonly list: number[][] = [];
  private readonly byColumns = new Map<string, number>();

  /** -1 of none. */
  of(unknown: number[]): number {
    if (unknown.length === 0) return -1;
    const id = unknown.join();
    let group = this.byColumns.get(id);
    if (group === undefined) {
      group = this.list.push(unknown) - 1;
      this.byColumns.set(id, group);
    }
    return group;
  }
}

/** The tables of a chunk, made anew. `line`: the row as it came, of a chunk with bad rows; to tell what is parked. */
export function createChunkTables(target: Target): string {
  const own = 'ord int NOT NULL PRIMARY KEY, line nvarchar(max) NULL';
  return both(rawName(''), CHUNK, { own, typedOwn: own }, cellWays(target));
}

/** Converts what is in `#raw` and empties it. */
export function convertChunk(target: Target): string {
  const ways = cellWays(target);
  return `INSERT INTO ${CHUNK} (${['ord, line', ...ways.map((w) => w.name)].join(', ')})
SELECT ${['r.ord, r.line', ...ways.map(converted)].join(', ')} FROM ${rawName('')} AS r;
TRUNCATE TABLE ${rawName('')};`;
}

export function chunkMisfits(target: Target): string | null {
  return misfits(rawName(''), cellWays(target), '');
}

export function chunkBulk(target: Target): BulkTable {
  return { name: rawName(''), columns: [{ name: 'ord', type: t.int(null).type, nullable: false }, { name: 'line', type: t.nvarchar(null).type, nullable: true }, ...cellWays(target).map(bulkColumn)] };
}

/** Makes lines of `chunkBulk`; throws as `BatchLines.line` does. */
export function chunkLines(target: Target): (row: readonly Cell[], ord: number, line: string | null) => unknown[] {
  const ways = cellWays(target);
  return (row, ord, line) => [ord, line, ...encoded(ways, row)];
}

/** What `misfits` found. */
export function misfit(target: Target): ElstreamError {
  return new ElstreamError('VALUE_UNFIT', 'park', 'a text has characters that the code page of its column lacks, or too many bytes for it; make the column nvarchar by columns.type', { place: { table: target.mapping.id } });
}

import type { Cell, EndedVersion } from '@elstream/core';
import { cellValue, stagedColumn, type BulkColumn, type StagedColumn, type TSqlSession } from '@elstream/database';
import { misfit } from '../staging';
import { fullType, POSITION_TYPE, type Target } from '../target';
import { beginText, CHANGE_TYPE, TIME_TYPE, type Archive } from './archive';
import { archiveColumns } from './archive-rows';

/** Ended versions, staged before BEGIN: the archive's cells as `stagedColumn` has them, then elstream's own. */

interface StagedEnd {
  readonly name: string;
  readonly sqlType: string;
  readonly bulk: BulkColumn;
  /** SQL of the archive's value. */
  readonly value: string;
  readonly misfit: StagedColumn['misfit'];
  readonly encode: (version: EndedVersion) => unknown;
}

function columnsOf(archive: Archive): StagedEnd[] {
  const column = (name: string, of: { readonly type: string; readonly cell: (version: EndedVersion) => Cell }): StagedEnd => {
    const staged = stagedColumn(of.type);
    return { name, sqlType: staged.sqlType, bulk: { name, type: staged.bulkType, nullable: true }, value: cellValue(of.type, `s.${name}`), misfit: staged.misfit, encode: (version) => staged.encode(of.cell(version)) };
  };
  const bool = (value: boolean): Cell => (value ? 't' : 'f');
  return [
    ...archive.columns.map((c, i) => column(c.property, { type: fullType(c), cell: (version) => version.cells[i] ?? null })),
    ...(archive.inRow
      ? []
      : [
          column('vf', { type: TIME_TYPE, cell: (version) => beginText(version.fromUs) }),
          column('vt', { type: TIME_TYPE, cell: (version) => beginText(version.toUs) }),
        ]),
    column('gone', { type: 'bit', cell: (version) => bool(version.deleted) }),
    column('near', { type: 'bit', cell: (version) => bool(version.approximate) }),
    column('pos', { type: POSITION_TYPE, cell: (version) => `\\x${version.endedAt.hex}` }),
    column('change', { type: CHANGE_TYPE, cell: (version) => (version.endedBy === null ? null : `\\x${version.endedBy}`) }),
  ];
}

const tableOf = (n: number): string => `#ended${String(n)}`;

export function createEndedSql(archive: Archive, n: number): string {
  return `DROP TABLE IF EXISTS ${tableOf(n)}; CREATE TABLE ${tableOf(n)} (${columnsOf(archive).map((c) => `${c.name} ${c.sqlType} NULL`).join(', ')});`;
}

/** Throws ElstreamError (park) for a value that the archive cannot hold: versions between the first and the last of a batch are in no row. */
export async function stageEnded(session: TSqlSession, { target, archive, n }: { readonly target: Target; readonly archive: Archive; readonly n: number }, ended: readonly EndedVersion[]): Promise<void> {
  if (ended.length === 0) return;
  const columns = columnsOf(archive);
  await session.batch(createEndedSql(archive, n));
  await session.bulk({ name: tableOf(n), columns: columns.map((c) => c.bulk) }, encoded(columns, ended));
  const misfits = endedMisfits(archive, n);
  if (misfits !== null && (await session.rows(misfits)).length > 0) throw misfit(target);
}

/** Versions that only the server can tell not to fit; null: there can be none. */
export function endedMisfits(archive: Archive, n: number): string | null {
  const misfits = columnsOf(archive).flatMap((c) => c.misfit?.(`s.${c.name}`) ?? []);
  return misfits.length === 0 ? null : `SELECT TOP (1) 1 AS misfit FROM ${tableOf(n)} AS s WHERE ${misfits.join(' OR ')};`;
}

function* encoded(columns: readonly StagedEnd[], ended: readonly EndedVersion[]): Generator<unknown[]> {
  for (const version of ended) yield columns.map((c) => c.encode(version));
}

/** Before the rows that follow them are written. */
export function insertEnded(archive: Archive, n: number): string {
  return `INSERT INTO ${archive.sql} (${archiveColumns(archive, true)}) SELECT ${columnsOf(archive).map((c) => c.value).join(', ')} FROM ${tableOf(n)} AS s;`;
}

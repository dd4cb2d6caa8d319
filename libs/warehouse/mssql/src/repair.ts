import { ElstreamError, keyIdentity, ruleHolds, type Cell } from '@elstream/core';
import { t, type Mssql, type MssqlParams } from '@elstream/database';
import type { RepairableWarehouse, RepairEntry, RepairOutcome, RepairWrite, TableUse } from '@elstream/warehouse';
import { dropUnneededMarkers, repairStage, repairStatement } from './repair-statement';
import { commit, leave, runTransaction, serverTransaction } from './server-transaction';
import { notPrepared, readChangedKeys, readStandingRows } from './standing';
import { textOfStanding, textOfTruncate } from './standing-text';
import { currentMapping, outdated } from './stored-guard';
import type { Target } from './target';
import { stageTyped } from './typed-stage';
import type { WarehouseParts } from './warehouse-parts';

/** R8 and R9 on SQL Server. */
export function createRepairs(parts: WarehouseParts): RepairableWarehouse {
  const { db } = parts;
  return {
    openUse: async (use) => openUse(db, use, await parts.targetOf(use.mapping)),
    closeUse: async (use) => {
      await runTransaction(db, closeUseSql(use.pipeline, await parts.targetOf(use.mapping), db.lockMs), useParams(use));
    },
    staleUses: async (pipeline) => {
      const rows = await db.rows<{ table_id: string; run_id: string }>(STALE_USES_SQL, { pipeline: t.nvarchar(pipeline, 100) });
      return rows.map((row) => ({ table: row.table_id, runId: row.run_id }));
    },
    readStanding: async (mapping, keys) => readStandingRows(db, parts.pipeline, await parts.targetOf(mapping), keys),
    repairRows: async (write) => repairRows(db, write, await parts.targetOf(write.mapping)),
    changedKeys: async (mapping, since, limit) => readChangedKeys(db, { pipeline: parts.pipeline, target: await parts.targetOf(mapping), since, limit }),
  };
}

export const STALE_USES_SQL = `SELECT u.table_id, LOWER(CONVERT(nvarchar(36), u.run_id)) AS run_id FROM elstream.open_use AS u LEFT JOIN elstream.run AS r ON r.id = u.run_id
 WHERE u.pipeline = @pipeline AND (r.id IS NULL OR r.state NOT IN (N'pending', N'running')) ORDER BY u.table_id, u.run_id;`;

const useParams = ({ pipeline, mapping, runId }: TableUse): MssqlParams => ({ pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(mapping.id, 300), run: t.uuid(runId) });

/** From its commit on deletes leave markers (R5). */
export function openUseSql(pipeline: string, target: Target, lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    body: [
      `IF NOT EXISTS (SELECT 1 FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table)\n${leave('not-prepared')}`,
      // What the settling of a dead letter left: a row written since may stand beside such a marker.
      dropUnneededMarkers(target),
      `IF NOT EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = @pipeline AND u.table_id = @table AND u.run_id = @run) INSERT INTO elstream.open_use (pipeline, table_id, run_id) VALUES (@pipeline, @table, @run);`,
      commit('opened'),
    ].join('\n'),
  });
}

async function openUse(db: Mssql, use: TableUse, target: Target): Promise<void> {
  const { outcome } = await runTransaction(db, openUseSql(use.pipeline, target, db.lockMs), useParams(use));
  if (outcome === 'not-prepared') throw notPrepared(use.pipeline, use.mapping.id);
}

export function closeUseSql(pipeline: string, target: Target, lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    body: ['DELETE FROM elstream.open_use WHERE pipeline = @pipeline AND table_id = @table AND run_id = @run;', dropUnneededMarkers(target), commit('closed')].join('\n'),
  });
}

/** An entry, and the first one of its key. */
interface Placed {
  readonly entry: RepairEntry;
  readonly ord: number;
  readonly first: RepairEntry;
}

async function repairRows(db: Mssql, write: RepairWrite, target: Target): Promise<RepairOutcome[]> {
  const { pipeline, mapping } = write;
  const { placed, firsts } = place(write, (entry) => keyIdentity(mapping, entry.key));
  const settles = placed.flatMap(({ entry, ord, first }, n) => (entry.settles === undefined ? [] : [[n, ord, entry === first ? 1 : sameRow(entry.row, first.row) ? 2 : 0, entry.settles]]));
  const hash = await currentMapping(db, pipeline, mapping);
  return db.session(async (session) => {
    await stageTyped(session, repairStage(target), firsts.map((entry) => stagedCells(target, entry)));
    const statement = repairStatement(target, { lockMs: db.lockMs, pipeline, ofRun: write.runId !== undefined, settles: settles.length > 0 });
    const { outcome, row, sets } = await runTransaction(session, statement, {
      pipeline: t.nvarchar(pipeline, 100),
      table: t.nvarchar(mapping.id, 300),
      epoch: t.int(write.epoch),
      truncated: t.nvarchar(textOfTruncate(write.truncated), 160),
      run: t.uuid(write.runId ?? null),
      until: t.nvarchar(write.readUntil.hex, 128),
      settles: t.json(settles),
      ...hash,
    });
    if (outcome === 'not-live') throw notLive(write, row['phase']);
    if (outcome === 'no-use') throw new ElstreamError('TASK_LOST', 'lost', `the use of the table by run ${String(write.runId)} was closed: deletes since then have left no markers`, { place: { pipeline, table: mapping.id } });
    if (outcome === 'outdated') throw outdated(pipeline, mapping);
    const judged = (sets[0] ?? []).map((found) => found['outcome'] as RepairOutcome);
    return placed.map(({ entry, ord, first }) => {
      const of = judged[ord] ?? 'moved';
      if (entry === first) return of;
      return of !== 'moved' && sameRow(entry.row, first.row) ? 'unchanged' : 'moved';
    });
  });
}

function notLive({ pipeline, mapping }: RepairWrite, phase: unknown): ElstreamError {
  const is = typeof phase === 'string' ? phase : 'not prepared';
  return new ElstreamError('TABLE_NOT_LIVE', 'refuse', `the table is ${is}: start a run to load it, rows are not repaired one by one before that`, { place: { pipeline, table: mapping.id } });
}

/** A key that comes again is judged by its first entry. */
function place(write: RepairWrite, identity: (entry: RepairEntry) => string): { readonly placed: readonly Placed[]; readonly firsts: readonly RepairEntry[] } {
  const seen = new Map<string, Placed>();
  const firsts: RepairEntry[] = [];
  const placed = write.entries.map((entry): Placed => {
    const earlier = seen.get(identity(entry));
    if (earlier !== undefined) return { ...earlier, entry };
    const found = { entry, ord: firsts.push(entry) - 1, first: entry };
    seen.set(identity(entry), found);
    return found;
  });
  return { placed, firsts };
}

function stagedCells(target: Target, entry: RepairEntry): Cell[] {
  const expected = ruleHolds('R9-guard') ? textOfStanding(entry.expect) : 'n';
  return [expected, entry.row === null ? 'f' : 't', entry.settles ?? null, ...entry.key, ...(entry.row ?? target.columns.map(() => null))];
}

/** Exactly: text forms are canonical (R1), so two spellings are two values. */
function sameRow(a: readonly Cell[] | null, b: readonly Cell[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((cell, i) => cell === b[i]);
}

import { createHash } from 'node:crypto';
import { partitionLane, ruleHolds } from '@elstream/core';
import { nString } from '@elstream/database';

/**
 * Lanes of a table's lock. A fixed number, whatever partitions there are: whoever takes all lanes excludes the batches of
 * partitions too whose checkpoint it cannot see yet. Partitions of one lane wait for each other, nothing else.
 */
const LANES = 16;
/** Above this many tables, one lock of the whole pipeline is taken instead of all lanes of each. */
const LANES_OF_TABLES = 32;

/** Who excludes whom on a table (R4). */
export type Exclusion =
  /** Takes its partition's lane exclusively. */
  | { readonly by: 'batch'; readonly partition: string }
  /** Takes all lanes, shared: excludes batches, not other merges. */
  | { readonly by: 'merge' }
  /** Takes all lanes exclusively: a switch of epoch, a repair, DDL. */
  | { readonly by: 'switch' };

/**
 * Exclusion of batches and merges on tables (R4): applocks of the transaction, one per (table, lane), after the pipeline's
 * own, which all take shared but a switch of very many tables. Once per transaction, always in sorted order, so that two
 * holders cannot wait for each other. Leaves the first code below 0 in `@lock`.
 */
export function exclusionLocks(exclusion: Exclusion, pipeline: string, tables: readonly string[], lockMs: number): string {
  if (!ruleHolds('R4-exclusion') || tables.length === 0) return '';
  const whole = exclusion.by === 'switch' && tables.length > LANES_OF_TABLES;
  const lines = [take(nString(resource(pipeline)), whole ? 'Exclusive' : 'Shared', lockMs)];
  const ofTables = whole ? [] : [...new Set(tables.map((table) => resource(pipeline, table)))].sort();
  const mode = exclusion.by === 'merge' ? 'Shared' : 'Exclusive';
  for (const of of ofTables) {
    if (exclusion.by === 'batch') lines.push(take(nString(`${of}:${String(partitionLane(exclusion.partition) % LANES)}`), mode, lockMs));
    else lines.push(`SET @lane = 0;`, `WHILE @lock >= 0 AND @lane < ${String(LANES)}`, 'BEGIN', `  SET @resource = CONCAT(${nString(`${of}:`)}, @lane);`, `  ${take('@resource', mode, lockMs)}`, '  SET @lane = @lane + 1;', 'END;');
  }
  return lines.join('\n');
}

/** Of `exclusionLocks`. */
export const EXCLUSION_VARIABLES = 'DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);';

function take(name: string, mode: 'Shared' | 'Exclusive', lockMs: number): string {
  return `IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = ${name}, @LockMode = N'${mode}', @LockOwner = N'Transaction', @LockTimeout = ${String(lockMs)};`;
}

/** Names of applocks are compared bytewise by the server and are short; ours say nothing but are safe to write into a statement. */
function resource(...of: readonly string[]): string {
  return `elstream:${createHash('sha256').update(of.join('\0'), 'utf8').digest('hex').slice(0, 32)}`;
}

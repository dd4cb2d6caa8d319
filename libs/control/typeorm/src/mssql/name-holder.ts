import { describeError, ElstreamError } from '@elstream/core';
import { onDatabase } from '@elstream/database';
import type { DataSource } from 'typeorm';
import { batches } from './batches';

/** A session that has locks on control tables. */
export interface LockHolder {
  readonly id: number;
  readonly program: string | null;
  readonly host: string | null;
  readonly login: string;
  readonly status: string;
  /** Seconds since its last statement began; as text, it is a bigint. */
  readonly seconds: string;
}

/** An error of waiting for a lock, with the session that is in the way where the server tells. */
export async function nameHolder(db: DataSource, error: ElstreamError): Promise<ElstreamError> {
  const found = await onDatabase(db, (sql) => sql.query<LockHolder>(batches.holder)).then(
    ([holder]) => holderText(holder),
    (reason: unknown) => `the session that holds it cannot be named, which wants VIEW SERVER STATE (${describeError(reason)})`,
  );
  return new ElstreamError(error.code, error.recovery, `${error.message}; ${found}`, error.options);
}

export function holderText(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'no session holds any now: it has just ended';
  const { id, program, host, login, status, seconds } = holder;
  const who = `session ${String(id)} (${[program, host === null ? null : `on ${host}`, `as ${login}`].filter((part) => part !== null && part !== '').join(' ')})`;
  if (status !== 'sleeping') return `${who} has locks on the control tables, and a statement at work for ${seconds} s`;
  return `${who} sleeps in a transaction that it began at least ${seconds} s ago; end the transaction there, or the session by KILL ${String(id)}`;
}

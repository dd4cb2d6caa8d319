import type { ControlStore } from '@elstream/control';
import type { DataSource } from 'typeorm';
import { dialectOf } from './dialect';
import { leaseEntity } from './entities';
import { onControl } from './on-control';

/** The condition is evaluated on the row as it is once its lock is held, so of several who find it run out one wins. */
export async function lead(db: DataSource, role: string, holder: string, ...[forMs, options = {}]: LeadArguments): Promise<boolean> {
  return onControl(db, (sql) => dialectOf(db).lead(sql, { role, holder, forMs, steal: options.steal === true }));
}

type LeadArguments = Parameters<ControlStore['lead']> extends [string, string, ...infer More] ? More : never;

export async function resign(db: DataSource, role: string, holder: string): Promise<void> {
  await onControl(db, ({ runner: { manager } }) => manager.delete(leaseEntity, { role, holder }));
}

import type { ControlStore } from '@elstream/control';
import { CONTROL_SCHEMA, onPostgres, quoteTable } from '@elstream/database';
import type { DataSource } from 'typeorm';
import { leaseEntity } from './entities';

const LEASE = quoteTable({ schema: CONTROL_SCHEMA, name: 'lease' });

/**
 * The condition is evaluated on the row as it is once its lock is held, so of several who find it run out one wins.
 * `clock_timestamp()`, not `now()`: a statement that waited for the lock must not judge by the time at which it began.
 */
export async function lead(db: DataSource, role: string, holder: string, ...[forMs, options = {}]: LeadArguments): Promise<boolean> {
  const until = `clock_timestamp() + $3::float8 * interval '1 millisecond'`;
  return onPostgres(db, async (sql) => {
    const written = await sql.execute(
      `INSERT INTO ${LEASE} AS l (role, holder, expires_at) VALUES ($1, $2, ${until})
       ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, expires_at = ${until}
        WHERE l.holder = excluded.holder OR l.expires_at <= clock_timestamp() OR $4::boolean`,
      [role, holder, forMs, options.steal === true],
    );
    return written === 1;
  });
}

type LeadArguments = Parameters<ControlStore['lead']> extends [string, string, ...infer More] ? More : never;

export async function resign(db: DataSource, role: string, holder: string): Promise<void> {
  await onPostgres(db, ({ runner: { manager } }) => manager.delete(leaseEntity, { role, holder }));
}

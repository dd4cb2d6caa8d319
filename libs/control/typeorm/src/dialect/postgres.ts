import { CONTROL_SCHEMA, quoteTable } from '@elstream/database';
import { pipelineEntity } from '../entities';
import type { ControlDialect } from './dialect';

/** Any fixed number; the same in every version, so that all versions exclude each other. */
const MIGRATION_LOCK = 4_917_265_038_221;

const table = (name: string): string => quoteTable({ schema: CONTROL_SCHEMA, name });

export const postgresDialect: ControlDialect = {
  product: 'postgres',
  now: () => 'now()',
  table,
  ago: (parameter) => `now() - ${parameter}::float8 * interval '1 millisecond'`,
  counts: (column, name) => ({
    sql: `jsonb_typeof(${column} -> :counted) = 'number' AND CAST(${column} ->> :counted AS float8) > 0`,
    parameters: { counted: name },
  }),
  without: (column, names) => ({ sql: `${column} - CAST(:without AS text[])`, parameters: { without: [...names] } }),
  parsed: (raw) => raw as Record<string, unknown> | null,
  isOneOf: (column, ids) => ({ sql: `${column} = ANY (CAST(:ids AS uuid[]))`, parameters: { ids: [...ids] } }),

  pendingTasks: (kinds, limit) => ({
    sql: `SELECT t.id, t.run_id AS "runId", t.pipeline, t.kind
         FROM ${table('run')} r
        CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS k (kind, rank)
        CROSS JOIN LATERAL (SELECT * FROM ${table('task')} t WHERE t.run_id = r.id AND t.kind = k.kind AND t.state = 'pending' ORDER BY t.ordinal LIMIT $2) t
        WHERE r.state = 'running'
        ORDER BY k.rank, row_number() OVER (PARTITION BY r.id, k.kind ORDER BY t.ordinal), r.seq`,
    parameters: [[...kinds], limit],
  }),

  async insertPipeline(manager, name) {
    await manager.createQueryBuilder().insert().into(pipelineEntity).values({ name }).orIgnore().updateEntity(false).execute();
  },

  /**
   * The condition is evaluated on the row as it is once its lock is held, so of several who find it run out one wins.
   * `clock_timestamp()`, not `now()`: a statement that waited for the lock must not judge by the time at which it began.
   */
  async lead(sql, { role, holder, forMs, steal }) {
    const until = `clock_timestamp() + $3::float8 * interval '1 millisecond'`;
    const written = await sql.execute(
      `INSERT INTO ${table('lease')} AS l (role, holder, expires_at) VALUES ($1, $2, ${until})
       ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, expires_at = ${until}
        WHERE l.holder = excluded.holder OR l.expires_at <= clock_timestamp() OR $4::boolean`,
      [role, holder, forMs, steal],
    );
    return written === 1;
  },

  async prepareMigration(sql) {
    await sql.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    // Looked up first: CREATE SCHEMA IF NOT EXISTS needs the privilege even where the schema stands.
    const schema = await sql.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [CONTROL_SCHEMA]);
    if (schema.length === 0) await sql.execute(`CREATE SCHEMA ${CONTROL_SCHEMA}`);
  },
};

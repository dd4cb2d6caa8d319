import { quoteName, type Sql } from '@elstream/database';

export interface ServerFacts {
  readonly version: number;
  readonly versionText: string;
  readonly walLevel: string;
  readonly inRecovery: boolean;
  readonly maxSlots: number;
  readonly usedSlots: number;
  readonly maxSenders: number;
  readonly usedSenders: number;
  /** Our slot exists already: no further one is needed. */
  readonly slotExists: boolean;
  readonly slotActive: boolean;
  readonly role: string;
  readonly database: string;
  readonly encoding: string;
  readonly mayReplicate: boolean;
  readonly mayCreate: boolean;
}

/** @param slotName the pipeline's slot, null if not known */
export async function readServerFacts(sql: Sql, slotName: string | null): Promise<ServerFacts> {
  const [facts] = await sql.query<ServerFacts>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS "versionText",
       current_setting('wal_level') AS "walLevel", pg_is_in_recovery() AS "inRecovery",
       current_setting('max_replication_slots')::int AS "maxSlots", (SELECT count(*)::int FROM pg_replication_slots) AS "usedSlots",
       current_setting('max_wal_senders')::int AS "maxSenders", (SELECT count(*)::int FROM pg_stat_replication) AS "usedSenders",
       EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1::text) AS "slotExists",
       EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1::text AND active) AS "slotActive",
       current_user::text AS role, current_database()::text AS database, current_setting('server_encoding') AS encoding,
       r.rolreplication OR r.rolsuper OR EXISTS (SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND pg_has_role(r.oid, m.oid, 'MEMBER')) AS "mayReplicate",
       has_database_privilege(current_database(), 'CREATE') AS "mayCreate"
     FROM pg_roles r WHERE r.rolname = current_user`,
    [slotName],
  );
  if (facts === undefined) throw new RangeError('the connecting role is not in pg_roles');
  return facts;
}

/** What keeps this server from being a source, all at once, each with its remedy. */
export function serverProblems(facts: ServerFacts): string[] {
  const { role, database } = facts;
  const problems: string[] = [];
  if (facts.version < 140_000) problems.push(`the source is PostgreSQL ${facts.versionText}; upgrade it to 14 or later`);
  if (facts.inRecovery) problems.push('the source is a standby in recovery; point the connection URL at the primary');
  // The one encoding the server cannot convert: its bytes mean nothing certain, and reading them as UTF-8 would mangle them.
  if (facts.encoding === 'SQL_ASCII') problems.push(`database ${database} has encoding SQL_ASCII, whose texts cannot be carried without loss; dump it and restore it into one of encoding UTF8`);
  if (facts.walLevel !== 'logical') {
    problems.push(`wal_level of the source is ${facts.walLevel}; run ALTER SYSTEM SET wal_level = 'logical' (managed services: set rds.logical_replication or its like) and restart the server`);
  }
  if (!facts.slotExists && facts.usedSlots >= facts.maxSlots) {
    problems.push(`all ${facts.maxSlots} replication slots of the source are taken; raise max_replication_slots and restart the server, or drop a slot that nobody uses`);
  }
  if (!facts.slotActive && facts.usedSenders >= facts.maxSenders) {
    problems.push(`all ${facts.maxSenders} WAL senders of the source are in use; raise max_wal_senders and restart the server`);
  }
  if (!facts.mayReplicate) problems.push(`role ${role} may not replicate; run ALTER ROLE ${quoteName(role)} REPLICATION (on Amazon RDS: GRANT rds_replication TO ${quoteName(role)})`);
  if (!facts.mayCreate) problems.push(`role ${role} may not create a publication; run GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(role)}`);
  return problems;
}

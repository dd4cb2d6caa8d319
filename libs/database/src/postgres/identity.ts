import { Client, type ClientConfig } from 'pg';
import { type DataSource } from 'typeorm';
import { ElstreamError, type SourceIdentity } from '@elstream/core';
import { onDatabase } from '../on-database';
import { clientOptions, type PostgresConnection } from './data-source';
import { classifyPostgresError } from './errors';

/**
 * System identifier and timeline. The timeline is read from the name of the segment written now: the control file's
 * lags behind a promotion until the next checkpoint. A role that may not read them asks the replication protocol.
 */
export async function readSourceIdentity(dataSource: DataSource, connection: PostgresConnection): Promise<SourceIdentity> {
  try {
    const [row] = await onDatabase(dataSource, (sql) =>
      sql.query<{ system: string; segment: string }>('SELECT system_identifier::text AS system, pg_walfile_name(pg_current_wal_insert_lsn()) AS segment FROM pg_control_system()'),
    );
    if (row !== undefined) return { system: row.system, fork: String(Number.parseInt(row.segment.slice(0, 8), 16)) };
  } catch (error) {
    if (!(error instanceof ElstreamError) || error.code !== 'DB_PRIVILEGE') throw error;
  }
  return identifySystem(connection);
}

/** The same through the replication protocol, which asks for no privilege but REPLICATION. */
export async function identifySystem(connection: PostgresConnection): Promise<SourceIdentity> {
  const config: ClientConfig & { replication: 'database' } = { ...clientOptions(connection), replication: 'database' };
  const client = new Client(config);
  // The awaited call reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ systemid: string; timeline: string | number }>('IDENTIFY_SYSTEM');
    const [row] = rows;
    if (row === undefined) throw new ElstreamError('SOURCE_IDENTITY', 'retry', 'the source did not answer IDENTIFY_SYSTEM');
    return { system: String(row.systemid), fork: String(row.timeline) };
  } catch (error) {
    throw classifyPostgresError(error);
  } finally {
    await client.end();
  }
}

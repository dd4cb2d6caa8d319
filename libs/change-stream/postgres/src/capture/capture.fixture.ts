import { type CaptureSource } from '@elstream/change-stream';
import { createTestDatabase, eventually, type TestDatabase } from '@elstream/testing';
import { Client, type ClientConfig } from 'pg';
import { createPostgresCapture, type PostgresCaptureOptions } from './postgres-capture';

/** A database with capture over it; slot and publication named after the database. */
export interface CaptureContext extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly slotName: string;
  readonly publicationName: string;
  /** A further capture of the same names; closed with the context. */
  capture(options?: Partial<PostgresCaptureOptions>): Promise<CaptureSource>;
  /** URL of a new role that may only log in. */
  role(attributes?: string): Promise<{ readonly name: string; readonly url: string }>;
  /** Reads the slot as a connector does, until it is ended. */
  connector(): Promise<{ readonly ended: Promise<void> }>;
  /** The slot is taken up by a reader. */
  active(): Promise<boolean>;
  members(): Promise<string[]>;
}

export async function captureContext(given?: TestDatabase): Promise<CaptureContext> {
  const db = given ?? (await createTestDatabase('capture'));
  const [slotName, publicationName] = [`s_${db.name}`, `p."${db.name}`];
  const [opened, roles]: [CaptureSource[], string[]] = [[], []];
  const active = async (): Promise<boolean> => (await db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active', [slotName])).length === 1;
  return {
    db,
    slotName,
    publicationName,
    active,
    async capture(options = {}) {
      const capture = await createPostgresCapture({ url: db.url, endpoint: { host: 'source', port: 5432 }, pipeline: 'größer', slotName, publicationName, applicationName: `elstream ${db.name}`, ...options });
      opened.push(capture);
      return capture;
    },
    async role(attributes = '') {
      const name = `r${String(roles.length)} "${db.name}`;
      roles.push(name);
      await db.query(`CREATE ROLE ${quoted(name)} LOGIN PASSWORD 'pw' ${attributes}`);
      const url = new URL(db.url);
      [url.username, url.password] = [encodeURIComponent(name), 'pw'];
      return { name, url: url.toString() };
    },
    async connector() {
      const config: ClientConfig & { replication: string } = { connectionString: db.url, application_name: 'Debezium Streaming', replication: 'database' };
      const client = new Client(config);
      const ended = new Promise<void>((resolve) => client.on('end', resolve));
      client.on('error', () => undefined);
      await client.connect();
      const reading = client.query(`START_REPLICATION SLOT ${slotName} LOGICAL 0/0 (proto_version '1', publication_names '${quoted(publicationName)}')`).then(() => undefined, () => undefined);
      await eventually(active, { unlessFails: reading.then(() => Promise.reject(new Error('the slot could not be read'))) });
      return { ended };
    },
    async members() {
      return (await db.query<{ name: string }>(`SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables WHERE pubname = $1 ORDER BY 1`, [publicationName])).map((row) => row.name);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((capture) => capture.close()));
      for (const role of roles) await db.query(`DROP OWNED BY ${quoted(role)} CASCADE; DROP ROLE ${quoted(role)}`);
      await db.drop();
    },
  };
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

import { type CaptureEndpoint, type CaptureSource, type CaptureSourceStatus } from '@elstream/change-stream';
import { ElstreamError, tableId, type Logger, type LogPosition, type SourceIdentity, type TableMapping, type TableName } from '@elstream/core';
import { connectPostgres, onDatabase, parseLsn, quoteName, readSourceIdentity, type PostgresConnection } from '@elstream/database';
import { type DataSource } from 'typeorm';
import { catalogConnection } from '../catalog-connection';
import { alignPublication, dropPublication, publicationForeign, publicationStatements, readPublicationState, type PublicationState } from '../publication';
import { createSlot, dropSlot, readSlot, retainedBy, type SlotState } from '../slot';
import { companionsOf } from './companions';
import { connectorEndpoint, type SessionNames } from './connector-endpoint';
import { COUNTER_TABLE, counterMapping, dropCounter, ensureCounter, raiseCounter, readCounter, type Counter } from './counter-table';
import { withRights, type RightsCase } from './source-rights';

export interface PostgresCaptureOptions {
  /**
   * `postgres://user:password@host:port/database`, also the connector's; the role needs REPLICATION, and owns tables and publication or has a DBA
   * run what `prepare` asks for: a connector that takes no snapshot reads no table; `companions` wants the SELECT that a preload has anyway. Never logged.
   */
  readonly url: string;
  /** The source's address as seen from Kafka Connect. */
  readonly endpoint: { readonly host: string; readonly port: number };
  /** Whose row of the counter table is raised. */
  readonly pipeline: string;
  /** Both derived from the pipeline, so that no two pipelines share one. */
  readonly slotName: string;
  readonly publicationName: string;
  /** Default elstream.counter. Shared by the pipelines of a source. */
  readonly counterTable?: TableName;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** How long the creation of the slot may wait for running transactions, ms; default 60,000. */
  readonly slotTimeoutMs?: number;
  /** How long a raise of the counter may wait for a lock, ms; default 2,000. */
  readonly counterTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
}

/**
 * The connector names topics after the relation that is sent: partitions have to come as their root, those made later too.
 * The price: a TRUNCATE of a single partition is not in the log's messages, and only validation sees it.
 */
const SHAPE = { viaRoot: true };

/**
 * What we do at a PostgreSQL source (14 or later) that a Debezium connector reads. Connects at once, for the catalog.
 * Throws a classified `ElstreamError`.
 */
export async function createPostgresCapture(options: PostgresCaptureOptions): Promise<CaptureSource> {
  const connection = catalogConnection(options, 3);
  const dataSource = await connectPostgres(connection);
  try {
    const [session] = await onDatabase(dataSource, (sql) => sql.query<{ user: string; database: string }>('SELECT session_user::text AS user, current_database()::text AS database'));
    if (session === undefined) throw new ElstreamError('DB_UNKNOWN', 'retry', 'the source does not say who we are');
    return new PostgresCapture(options, connection, { dataSource, session });
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

class PostgresCapture implements CaptureSource {
  readonly endpoint: CaptureEndpoint;
  readonly names: Readonly<Record<string, string>>;
  readonly counter: { readonly schema: string; readonly table: string };
  private readonly row: Counter;
  private readonly dataSource: DataSource;
  private readonly role: string;
  private readonly logger: Logger;
  private closed = false;

  constructor(
    private readonly options: PostgresCaptureOptions,
    private readonly connection: PostgresConnection,
    { dataSource, session }: { readonly dataSource: DataSource; readonly session: SessionNames },
  ) {
    const table = options.counterTable ?? COUNTER_TABLE;
    this.dataSource = dataSource;
    this.role = session.user;
    this.logger = connection.logger;
    this.row = { table, pipeline: options.pipeline };
    this.counter = { schema: table.schema, table: table.name };
    this.endpoint = connectorEndpoint(options.url, options.endpoint, session);
    this.names = { 'slot.name': options.slotName, 'publication.name': options.publicationName };
  }

  /**
   * Publication first, slot second, as the direct stream does. A slot is believed only if the publication that stands
   * beside it is still as we made it: one that lacks the counter table, or a kind of change, was in other hands, and what
   * was not sent meanwhile cannot be had.
   */
  async prepare(tables: readonly TableMapping[]): Promise<{ readonly created: boolean; readonly identity: SourceIdentity; readonly position: LogPosition }> {
    const { slotName, publicationName, slotTimeoutMs = 60_000 } = this.options;
    const published = [...tables, counterMapping(this.row.table)];
    this.refuseCounterAmong(tables);
    const [slot, publication] = [await readSlot(this.dataSource, slotName), await this.publication()];
    if (slot !== null && !slot.ours) {
      throw new ElstreamError('SLOT_FOREIGN', 'refuse', `replication slot ${slotName} belongs to another database or plugin; drop it or give the pipeline another name`);
    }
    if (publication?.foreign === true) throw publicationForeign(publicationName);
    await ensureCounter(this.dataSource, this.row, this.role);
    const trouble = slot === null ? null : (slotTrouble(slotName, slot) ?? this.publicationTrouble(publication));
    if (trouble !== null) {
      this.logger.warn({ slot: slotName, reason: trouble }, 'the slot cannot deliver without a gap and is made anew');
      await this.dropSlot();
    }
    const changed = await withRights(this.publishing(published), () => alignPublication(this.dataSource, publicationName, published, SHAPE));
    if (changed.entered.length + changed.left.length > 0) {
      this.logger.info({ publication: publicationName, entered: changed.entered.join(', '), left: changed.left.join(', ') }, 'publication changed');
    }
    const identity = await readSourceIdentity(this.dataSource, this.connection);
    if (slot !== null && trouble === null) return { created: false, identity, position: await this.endOfLog() };
    // The last step that can fail: a slot whose making was not reported would be believed the next time.
    const position = await this.createSlot(slotTimeoutMs);
    return { created: true, identity, position };
  }

  async raiseCounter(): Promise<void> {
    await raiseCounter(this.dataSource, this.row, this.options.counterTimeoutMs ?? 2_000);
  }

  async status(): Promise<CaptureSourceStatus> {
    const { slotName } = this.options;
    const slot = await readSlot(this.dataSource, slotName);
    const missing = (reason: string): CaptureSourceStatus => ({ state: 'missing', retainedBytes: slot?.retainedBytes ?? null, confirmed: slot?.confirmed ?? null, reason });
    if (slot === null) return missing(`replication slot ${slotName} is gone from the source`);
    if (!slot.ours) return { ...missing(`replication slot ${slotName} belongs to another database or plugin`), retainedBytes: null, confirmed: null };
    const trouble = slotTrouble(slotName, slot);
    if (trouble !== null) return { state: 'lost', retainedBytes: slot.retainedBytes, confirmed: slot.confirmed, reason: trouble };
    const altered = this.publicationTrouble(await this.publication());
    if (altered !== null) return missing(altered);
    return { state: 'ready', retainedBytes: slot.retainedBytes, confirmed: slot.confirmed, reason: null, raised: await readCounter(this.dataSource, this.row) };
  }

  async retainedBytes(): Promise<number> {
    return retainedBy(await readSlot(this.dataSource, this.options.slotName));
  }

  async captured(): Promise<ReadonlySet<string> | null> {
    const publication = await this.publication();
    if (publication === null) return null;
    const tables = new Set(publication.tables);
    tables.delete(tableId(this.row.table));
    return tables;
  }

  companions(table: TableMapping, insert: { readonly key: readonly string[]; readonly txId: bigint }): Promise<readonly (readonly string[])[] | null> {
    return companionsOf(this.dataSource, table, insert, this.logger);
  }

  async drop(): Promise<void> {
    const slot = await readSlot(this.dataSource, this.options.slotName);
    const { publicationName } = this.options;
    if (slot?.ours === true) await this.dropSlot();
    await dropCounter(this.dataSource, this.row);
    await withRights(this.rightsOf('drop the publication', `DROP PUBLICATION IF EXISTS ${quoteName(publicationName)}`), () => dropPublication(this.dataSource, publicationName));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.dataSource.destroy();
  }

  private publication(): Promise<PublicationState | null> {
    return readPublicationState(this.dataSource, this.options.publicationName, SHAPE);
  }

  private publicationTrouble(publication: PublicationState | null): string | null {
    const { publicationName } = this.options;
    if (publication === null) return `publication ${publicationName} is gone from the source`;
    if (publication.foreign) return `publication ${publicationName} is for all tables or whole schemas now, so it is not ours`;
    if (!publication.intact) return `somebody has altered publication ${publicationName}: it no longer publishes every insert, update, delete and truncate, partitions as their root`;
    if (!publication.tables.has(tableId(this.row.table))) return `publication ${publicationName} no longer lists the counter table ${tableId(this.row.table)}`;
    return null;
  }

  private refuseCounterAmong(tables: readonly TableMapping[]): void {
    const id = tableId(this.row.table);
    if (!tables.some((mapping) => mapping.id === id)) return;
    throw new ElstreamError('COUNTER_TABLE_REPLICATED', 'refuse', `${id} is the counter table and cannot be replicated; exclude it, or set stream.counterTable`, { place: { table: id, setting: 'stream.counterTable' } });
  }

  private async createSlot(timeoutMs: number): Promise<LogPosition> {
    const { slotName, publicationName } = this.options;
    const started = Date.now();
    try {
      const position = await withRights(this.rightsOf('make a replication slot', `ALTER ROLE ${quoteName(this.role)} REPLICATION`), () => createSlot(this.dataSource, slotName, timeoutMs));
      this.logger.info({ slot: slotName, ms: Date.now() - started }, 'replication slot created');
      return position;
    } catch (error) {
      if (!(error instanceof ElstreamError) || error.code !== DUPLICATE) throw error;
      // Made by a connector that runs on: not ours, and the next call must not take it for ours. Without its publication it does not.
      await dropPublication(this.dataSource, publicationName);
      throw new ElstreamError('SLOT_RACE', 'retry', `replication slot ${slotName} was made by somebody else in the same moment; stop the connector before the pipeline is prepared`, { cause: error });
    }
  }

  private dropSlot(): Promise<void> {
    return withRights(this.rightsOf('end the reader of the slot and drop it', `GRANT pg_signal_backend TO ${quoteName(this.role)}`), () => dropSlot(this.dataSource, this.options.slotName, 'any'));
  }

  private rightsOf(doing: string, statement: string): RightsCase {
    return { doing, role: this.role, statements: () => [statement] };
  }

  private publishing(tables: readonly TableMapping[]): RightsCase {
    const statements = (): Promise<readonly string[]> => publicationStatements(this.dataSource, this.options.publicationName, { tables: tables.map((mapping) => mapping.source), shape: SHAPE });
    return { doing: 'publish the tables', role: this.role, statements };
  }

  private async endOfLog(): Promise<LogPosition> {
    const [row] = await onDatabase(this.dataSource, (sql) => sql.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn'));
    return parseLsn(row?.lsn ?? '');
  }
}

/** duplicate_object: there is a slot of that name. */
const DUPLICATE = 'DB_42710';

function slotTrouble(slotName: string, slot: SlotState): string | null {
  if (slot.lost) return `the source has removed log that replication slot ${slotName} still needed (max_slot_wal_keep_size, or the slot was invalidated)`;
  return slot.confirmed === null ? `replication slot ${slotName} was never finished` : null;
}

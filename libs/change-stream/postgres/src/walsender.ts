import { ElstreamError, type Clock, type Logger, type LogPosition } from '@elstream/core';
import { classifyPostgresError, formatLsn, parseLsn, quoteName, startupOptions } from '@elstream/database';
import { Client, type ClientConfig, type Connection } from 'pg';
import { type FrameSource } from './batch-reader';
import { FrameQueue } from './frame-queue';
import { ShutdownWatch } from './shutdown-watch';
import { slotBusy, slotLost } from './slot-errors';
import { encodeStandbyStatus, isKeepalive, parseWalFrame } from './standby-protocol';

export interface WalsenderOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly slotName: string;
  readonly publicationName: string;
  /** Where to start; durable, so it is also the first position confirmed. */
  readonly from: LogPosition;
  /** The socket is paused while more is buffered, bytes. */
  readonly maxBufferedBytes: number;
  /** Upper bound between two status updates, ms; a third of the server's wal_sender_timeout if that is less. */
  readonly statusIntervalMs: number;
  /**
   * How long this process may be silent before the server ends the connection and lets go of the slot, ms; the server's
   * own wal_sender_timeout where that is less. Absent: the server's.
   */
  readonly silenceMs?: number;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The part of node-postgres' connection that its types leave out. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void;
}

/** An update soon after an acknowledge, but not one per batch. */
const STATUS_THROTTLE_MS = 100;
/** How long a closing connection waits for the server to let go of the slot. */
const CLOSE_WAIT_MS = 1_000;
/** Liveness limit in units of wal_sender_timeout, and what stands for that where the server has it switched off. */
const SILENT_TIMEOUTS = 3;
const ASSUMED_TIMEOUT_MS = 60_000;

/**
 * One replication connection, streaming. Frames are queued as they come and taken by the consumer; a full queue
 * pauses the socket. Status updates go out on a timer of their own, so a blocked consumer does not cost the
 * connection.
 *
 * The only position ever told to the server is the durable one (`confirm`): neither what was received nor a
 * keepalive's end, since the server forgets what lies below. (Libraries that acknowledge received or `lsn + 1` lose data.)
 */
export class Walsender implements FrameSource {
  readonly queue: FrameQueue;
  private failure: ElstreamError | null = null;
  private closing: Promise<void> | null = null;
  private disconnecting: Promise<void> | null = null;
  private durable: LogPosition;
  private lastSentAt: number;
  private lastReceivedAt: number;
  private lastKeepalive: LogPosition | null = null;
  private timer: NodeJS.Timeout | null = null;
  private soon: NodeJS.Timeout | null = null;
  private readonly shutdown: ShutdownWatch;

  private constructor(
    private readonly options: WalsenderOptions,
    private readonly client: Client,
    private readonly timeoutMs: number,
  ) {
    this.durable = options.from;
    this.lastSentAt = this.lastReceivedAt = options.clock();
    this.queue = new FrameQueue(options.maxBufferedBytes, (paused) => this.setPaused(paused));
    this.shutdown = new ShutdownWatch(timeoutMs);
  }

  /**
   * Connects and starts streaming. Throws STREAM_BUSY (retry) if another reader holds the slot, STREAM_SLOT_LOST
   * (stop) if it is gone or cannot deliver, STREAM_LOG_GAP (stop) if it was confirmed beyond `from`.
   */
  static async open(options: WalsenderOptions): Promise<Walsender> {
    const config: ClientConfig & { replication: 'database' } = {
      connectionString: options.url,
      application_name: options.applicationName,
      replication: 'database',
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
      options: startupOptions({ statement_timeout: '0', lock_timeout: '0', idle_in_transaction_session_timeout: '0' }),
    };
    const client = new Client(config);
    // Replaced by the streaming handler; until then the awaited calls report.
    client.on('error', () => undefined);
    try {
      await client.connect();
      const timeoutMs = await checkSlot(client, options);
      const walsender = new Walsender(options, client, timeoutMs);
      await walsender.start();
      return walsender;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw startError(error, options.slotName);
    }
  }

  get isClosed(): boolean {
    return this.closing !== null;
  }

  /** The server asks for more than it normally does: it is shutting down and waits for us. */
  get isUrgent(): boolean {
    return this.shutdown.suspected;
  }

  take(): Buffer | undefined {
    return this.queue.take();
  }

  /** Resolves when a frame can be taken, the connection is closed, or after `ms` (null: no limit). Throws what broke it. */
  async wait(ms: number | null): Promise<void> {
    if (this.failure === null && this.closing === null) await this.queue.wait(ms);
    if (this.queue.isEmpty && this.failure !== null && this.closing === null) throw this.failure;
  }

  /** Everything that commits below `position` is durable at our side. Never goes back. */
  confirm(position: LogPosition): void {
    if (!this.durable.isBelow(position)) return;
    this.durable = position;
    this.sendSoon();
  }

  /** Sends the last durable position, says goodbye and waits (bounded) until the server has let go of the slot. */
  close(): Promise<void> {
    this.closing ??= this.disconnect().then(() => this.queue.clear());
    this.queue.wake();
    return this.closing;
  }

  private async start(): Promise<void> {
    const { slotName, publicationName, from } = this.options;
    const publication = quoteReplication(quoteName(publicationName));
    const command = `START_REPLICATION SLOT ${quoteName(slotName)} LOGICAL ${formatLsn(from)} (proto_version '1', publication_names ${publication}, messages 'true')`;
    const connection = this.connection();
    connection.on('copyData', (message: { readonly chunk: Buffer }) => this.receive(message.chunk));
    this.client.on('error', (error) => this.fail(classifyPostgresError(error)));
    this.client.on('end', () => this.fail(brokenOff()));
    await new Promise<void>((resolve, reject) => {
      connection.once('replicationStart', resolve);
      this.client.query(command).then(
        () => this.fail(brokenOff()),
        (error: unknown) => {
          this.fail(streamError(error, publicationName));
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
    const intervalMs = Math.max(50, Math.min(this.options.statusIntervalMs, Math.floor(this.timeoutMs / 3)));
    this.timer = setInterval(() => this.tick(), intervalMs);
  }

  private receive(chunk: Buffer): void {
    if (this.disconnecting !== null) return;
    this.lastReceivedAt = this.options.clock();
    if (isKeepalive(chunk)) this.keepalive(chunk);
    // Copied: the driver's parser moves bytes inside the buffer that `chunk` is a view of.
    else this.queue.push(Buffer.from(chunk));
  }

  private keepalive(chunk: Buffer): void {
    const frame = parseWalFrame(chunk);
    if (frame.kind !== 'keepalive') return;
    if (this.lastKeepalive === null || this.lastKeepalive.isBelow(frame.end)) {
      this.lastKeepalive = frame.end;
      this.queue.push(Buffer.from(chunk));
    }
    if (!frame.replyRequested) return;
    const now = this.options.clock();
    if (this.shutdown.requested(now, this.lastSentAt)) {
      this.fail(new ElstreamError('DB_SHUTDOWN', 'retry', 'the database server is shutting down and waits for its replication connections to end'));
    }
    this.queue.wake();
    this.sendSoon();
  }

  private sendSoon(): void {
    if (this.soon !== null || this.disconnecting !== null) return;
    const waited = this.options.clock() - this.lastSentAt;
    this.soon = setTimeout(() => this.sendStatus(false), Math.max(0, STATUS_THROTTLE_MS - waited));
  }

  /** A paused socket cannot hear; otherwise silence although we asked for a reply means that the network is gone. */
  private tick(): void {
    const silentMs = this.options.clock() - this.lastReceivedAt;
    if (!this.queue.isPaused && silentMs > SILENT_TIMEOUTS * this.timeoutMs) {
      this.fail(new ElstreamError('DB_CONNECTION', 'retry', `the source has been silent for ${silentMs} ms, although it was asked for a sign of life`));
      return;
    }
    this.sendStatus(true);
  }

  private sendStatus(requestReply: boolean): void {
    if (this.soon !== null) clearTimeout(this.soon);
    this.soon = null;
    if (this.failure !== null || this.disconnecting !== null) return;
    this.lastSentAt = this.options.clock();
    this.connection().sendCopyFromChunk(encodeStandbyStatus(this.durable, this.lastSentAt, requestReply));
  }

  private setPaused(paused: boolean): void {
    const { stream } = this.connection();
    if (paused) stream.pause();
    else {
      this.lastReceivedAt = this.options.clock();
      stream.resume();
    }
  }

  private connection(): CopyConnection {
    return this.client.connection as CopyConnection;
  }

  /** Also ends the connection: nobody may come to ask for a long time, and the server waits for it. */
  private fail(error: ElstreamError): void {
    this.failure ??= error;
    this.queue.wake();
    void this.disconnect();
  }

  private disconnect(): Promise<void> {
    if (this.disconnecting === null) {
      if (this.timer !== null) clearInterval(this.timer);
      this.sendStatus(false);
      this.disconnecting = this.sayGoodbye();
    }
    return this.disconnecting;
  }

  private async sayGoodbye(): Promise<void> {
    const connection = this.connection();
    const { stream } = connection;
    if (stream.destroyed) return;
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, CLOSE_WAIT_MS);
      stream.once('close', () => {
        clearTimeout(limit);
        resolve();
      });
      // Half-closed: what still comes is read and dropped, so that our goodbye is not lost to a reset.
      connection.end();
      stream.resume();
    });
    stream.destroy();
  }
}

/** @returns the wal_sender_timeout in force on the connection, ms */
async function checkSlot(client: Client, options: WalsenderOptions): Promise<number> {
  // The simple protocol: a replication connection takes no parameters.
  const { rows } = await client.query<{ timeout: string; found: boolean; lost: boolean; active: boolean; confirmed: string | null }>(
    `SELECT (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') AS timeout, s.slot_name IS NOT NULL AS found, coalesce(s.active, false) AS active,
            coalesce(s.wal_status = 'lost' OR s.restart_lsn IS NULL, false) AS lost, s.confirmed_flush_lsn::text AS confirmed
       FROM (SELECT 1) AS one LEFT JOIN pg_replication_slots s ON s.slot_name = ${quoteReplication(options.slotName)}`,
  );
  const row = rows[0];
  if (row === undefined || !row.found) throw slotLost(options.slotName, 'does not exist any more');
  if (row.lost) throw slotLost(options.slotName, 'was invalidated by the server');
  // Before the positions are compared: a reader at work moves the slot on, and that is no gap.
  if (row.active) throw slotBusy(options.slotName, undefined);
  const confirmed = row.confirmed === null ? null : parseLsn(row.confirmed);
  if (confirmed !== null && options.from.isBelow(confirmed)) {
    // The server would silently go on at the confirmed position.
    throw new ElstreamError('STREAM_LOG_GAP', 'stop', `slot ${options.slotName} was confirmed up to ${formatLsn(confirmed)}, beyond the checkpoint: the changes between are gone; preload the tables again`, {
      place: { position: formatLsn(options.from) },
    });
  }
  return boundSilence(client, Number(row.timeout), options.silenceMs);
}

/** A process that stands still must not keep the slot from the next for longer than the lease; every role may set this for its own session. */
async function boundSilence(client: Client, serverMs: number, silenceMs: number | undefined): Promise<number> {
  if (silenceMs === undefined || (serverMs > 0 && serverMs <= silenceMs)) return serverMs > 0 ? serverMs : ASSUMED_TIMEOUT_MS;
  const timeoutMs = Math.max(1, Math.round(silenceMs));
  await client.query(`SET wal_sender_timeout = '${String(timeoutMs)}ms'`);
  return timeoutMs;
}

function startError(error: unknown, slotName: string): ElstreamError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '55006') return slotBusy(slotName, error);
  if (code === '42704') return slotLost(slotName, 'does not exist any more', error);
  if (code === '55000') return slotLost(slotName, 'can no longer deliver changes', error);
  return classifyPostgresError(error);
}

/** Errors after the start. 42704 there is the publication's (servers before 18; later ones only warn, see `prepare`). */
function streamError(error: unknown, publicationName: string): ElstreamError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== '42704') return classifyPostgresError(error);
  return new ElstreamError('STREAM_PUBLICATION_LOST', 'stop', `publication ${publicationName} is missing or was made anew: changes are lost; run prepare and preload the tables again`, { cause: error });
}

function brokenOff(): ElstreamError {
  return new ElstreamError('DB_CONNECTION', 'retry', 'the replication connection ended');
}

/** The replication grammar knows plain literals only: backslashes stand for themselves. */
function quoteReplication(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

import { discardDataFolder, startEmbeddedPostgres } from '@elstream/embedded-postgres';
import { startConnect, startKafkaServer } from '@elstream/servers';
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { serverRoot, serverRoots } from '../server-root';
import { acquireTestServer, type ServerFiles, serverFiles, type SharedServer } from './lease';

/** A server as its supervisor holds it; it ends with the supervisor, however that ends. */
export interface HeldServer {
  readonly url: string;
  isUp(): boolean;
  stop(): Promise<void>;
}

/** @param onLost called when what the server itself needs has gone away */
type Starter = (files: ServerFiles, onLost: () => void) => Promise<HeldServer>;

export const starters: Readonly<Record<SharedServer, Starter>> = {
  async postgres({ folder }) {
    const name = `elstream-test-${createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 12)}`;
    const dataDirIn = (root: string): string => path.join(root, name, 'data');
    // What a killed supervisor left behind, its server included, is of no use to anybody.
    for (const left of serverRoots.filter((root) => existsSync(root)).map(dataDirIn)) await discardDataFolder(left);
    const dataDir = dataDirIn(serverRoot());
    const settings = { max_connections: '300', max_replication_slots: '100', max_wal_senders: '100', max_prepared_transactions: '50', log_min_messages: 'fatal' };
    const server = await startEmbeddedPostgres({ dataDir, durable: false, persistent: false, settings });
    const stop = async (): Promise<void> => {
      await server.stop('immediate');
      rmSync(path.dirname(dataDir), { recursive: true, force: true });
    };
    return { url: server.url, isUp: () => true, stop };
  },

  async kafka() {
    const server = await startKafkaServer();
    // Nothing of it is kept: there is no reason to wait for an orderly end.
    return { url: server.brokers, isUp: () => server.pid !== undefined, stop: () => server.kill().then(() => server.stop()) };
  },

  /** Holds a lease of its brokers: they end after it. */
  async connect({ folder, of }, onLost) {
    const kafka = await acquireTestServer(serverFiles(folder, 'kafka'));
    if (kafka.url !== of) throw new Error(`the shared Kafka is at ${kafka.url} by now, not at ${of}`);
    kafka.onLost(onLost);
    // On brokers that were given, another test run may have a Connect of its own.
    const server = await startConnect({ brokers: of, groupId: `connect-${String(process.pid)}-${String(Date.now())}` });
    return { url: server.url, isUp: () => server.pid !== undefined, stop: () => server.kill().then(() => server.stop()).then(kafka.release) };
  },
};

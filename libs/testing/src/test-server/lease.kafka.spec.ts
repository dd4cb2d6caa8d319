import { isAlive } from '@elstream/embedded-postgres';
import { describeKafka } from '@elstream/servers';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../eventually';
import { testBrokers, testKafka } from '../test-kafka';
import { acquireTestServer, readServerState, serverFiles } from './lease';

jest.setTimeout(240_000);

describe('the shared Kafka and Connect', () => {
  const saved = { ...process.env };
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-lease-'));
    process.env['ELSTREAM_TEST_SERVER_LINGER_MS'] = '300';
    delete process.env['KAFKA_BROKERS'];
    delete process.env['CONNECT_URL'];
  });
  afterEach(() => {
    process.env = { ...saved };
    rmSync(folder, { recursive: true, force: true });
  });

  it('are started once for all who ask, end after the last lease, and Connect ends with its broker', async () => {
    const ofKafka = serverFiles(folder, 'kafka');
    const [kafka, again] = await Promise.all([acquireTestServer(ofKafka), acquireTestServer(ofKafka)]);
    expect(again.url).toBe(kafka.url);
    const ofConnect = serverFiles(folder, 'connect', kafka.url);
    const connect = await acquireTestServer(ofConnect);
    const health = await fetch(`${connect.url}/health`);
    expect(health.status).toBe(200);

    kafka.release();
    again.release();
    const held = readServerState(ofKafka.state)!;
    const holder = readServerState(ofConnect.state)!;
    // Connect's own lease keeps the broker.
    expect((await describeKafka(kafka.url)).brokers).toBe(1);
    process.kill(held.supervisor.pid, 'SIGKILL');
    await eventually(() => !isAlive(holder.supervisor), { describe: 'Connect ends with its broker' });
    await expect(describeKafka(kafka.url, 500)).rejects.toThrow('no Kafka broker answers');

    const next = await acquireTestServer(ofKafka);
    expect((await describeKafka(next.url)).brokers).toBe(1);
    const { supervisor } = readServerState(ofKafka.state)!;
    next.release();
    await eventually(() => !isAlive(supervisor), { describe: 'the broker ends with the last lease' });
  });

  it('are those named by KAFKA_BROKERS and CONNECT_URL, which belong together', async () => {
    process.env['CONNECT_URL'] = 'http://elsewhere:8083/';
    await expect(testKafka()).rejects.toThrow('KAFKA_BROKERS');
    process.env['KAFKA_BROKERS'] = 'elsewhere:9092';
    expect(await testBrokers()).toBe('elsewhere:9092');
    expect(await testKafka()).toEqual({ brokers: 'elsewhere:9092', connectUrl: 'http://elsewhere:8083' });
  });
});

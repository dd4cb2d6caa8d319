import { type CaptureSource, type CaptureSourceStatus } from '@elstream/change-stream';
import { silentLogger } from '@elstream/core';
import { planConnector, type ConnectorPlan } from '@elstream/debezium';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { connectConnector } from './connect-connector';
import { type CaptureConnector } from './connector';
import { connectorControl } from './connector-control';

const CONFIG = { 'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'database.password': 'hunter22', 'tasks.max': '1' };
const PLAN: ConnectorPlan = {
  ...planConnector({ connector: 'postgresql', pipeline: 'p', name: 'c', topicPrefix: 'x', source: { host: 'h', port: 1, user: 'u', password: 'hunter22', database: 'd' }, tables: [{ schema: 'public', name: 't' }], counterTable: { schema: 'elstream', name: 'counter' }, slot: 's', publication: 'p' }),
  config: CONFIG,
};

/** One connector as Connect would tell of it; null: there is none. */
interface Told {
  /** Null: 404, as a worker answers that has not read the states yet. */
  state: string | null;
  task: string;
  trace?: string;
  config: Record<string, string>;
  lsn: number;
  /** What validation says of its settings. */
  errors: readonly string[];
}

interface Fake extends AsyncDisposable {
  readonly connector: CaptureConnector;
  /** Requests that change something, or validate. */
  asked(): string[];
  wait(ms: number): void;
}

async function fakeConnect(told: Told | null): Promise<Fake> {
  const asked: string[] = [];
  const answerOf = (url: string): unknown => {
    if (told === null) return null;
    if (url.includes('/validate')) return { configs: told.errors.map((error, i) => ({ value: { name: `s${String(i)}`, errors: [error] } })) };
    if (url.endsWith('/status')) return told.state === null ? null : { connector: { state: told.state }, tasks: [{ id: 0, state: told.task, trace: told.trace }] };
    return url.endsWith('/offsets') ? { offsets: [{ partition: {}, offset: { lsn_commit: told.lsn } }] } : { name: 'c', ...told.config };
  };
  const server: Server = createServer((request, response) => {
    const url = request.url ?? '';
    if (request.method !== 'GET') asked.push(`${request.method ?? ''} ${url}`);
    const answer = answerOf(url);
    response.writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? { error_code: 404, message: 'not found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let now = 1_000_000;
  const capture = { endpoint: { connector: 'postgresql' } } as unknown as CaptureSource;
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const connector = connectConnector({ kafka: { brokers: [], clientId: '' }, pipeline: 'p', groupId: 'g', topicPrefix: 'x', topics: { partitions: 1 }, capture, connect: { url, connector: 'c' }, clock: () => now }, silentLogger);
  return {
    connector,
    asked: () => asked.splice(0),
    wait: (ms) => (now += ms),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const running = (change: Partial<Told> = {}): Told => ({ state: 'RUNNING', task: 'RUNNING', config: CONFIG, lsn: 100, errors: [], ...change });
const VALIDATED = 'PUT /connector-plugins/io.debezium.connector.postgresql.PostgresConnector/config/validate';

describe('a connector that calls itself RUNNING and delivers nothing', () => {
  it.each([
    ['with what its plugin says', ['Error while validating connector config: FATAL: password authentication failed for user "u"'], 'the source does not accept user and password'],
    ['or that it hangs', [], 'it hangs'],
  ])('is told once the counter row was raised for a minute, %s', async (_name, errors, words) => {
    const told = running({ errors });
    await using fake = await fakeConnect(told);
    const trouble = async (raised: bigint): Promise<string | null> => (await fake.connector.health(null, raised)).trouble;
    expect(await trouble(1n)).toBeNull();
    fake.wait(30_000);
    expect(await trouble(2n)).toBeNull();
    fake.wait(59_000);
    expect(await trouble(3n)).toBeNull();
    expect(fake.asked()).toEqual([]);
    fake.wait(2_000);
    expect(await trouble(4n)).toMatch(new RegExp(`^the connector c has delivered nothing for 61 s although the counter row .*${words}`));
    // Validation connects to the source: not at every look.
    expect(await trouble(5n)).toContain(words);
    expect(fake.asked()).toEqual([VALIDATED]);
    told.lsn = 200;
    expect(await trouble(5n)).toBeNull();
  });

  it('is not told while nobody raises the counter row, nor where that is not known', async () => {
    await using fake = await fakeConnect(running());
    for (const raised of [7n, 7n, null, null]) {
      expect((await fake.connector.health(null, raised)).trouble).toBeNull();
      fake.wait(600_000);
    }
  });
});

describe('a connector whose state is not known', () => {
  it('exists all the same: its worker was just started, and only settings that are gone are a gap', async () => {
    await using starting = await fakeConnect(running({ state: null }));
    expect(await starting.connector.health(null, 1n)).toMatchObject({ exists: true, committed: { complete: true }, gap: null, trouble: expect.stringContaining('does not know the state of the connector c') as string });
    await using gone = await fakeConnect(null);
    expect((await gone.connector.health(null, 1n)).exists).toBe(false);
  });
});

describe('operating a connector', () => {
  const ready: CaptureSourceStatus = { state: 'ready', retainedBytes: 0, confirmed: null, reason: null };
  const control = ({ connector }: Fake, status = ready) => connectorControl('c', { operate: connector.operate!, plan: () => PLAN, captured: () => Promise.resolve(status) });

  it('shows it in plain words, without secrets', async () => {
    await using fake = await fakeConnect(running({ task: 'FAILED', trace: 'ERROR: permission denied for table t hunter22', config: { ...CONFIG, 'tasks.max': '2', mine: 'x' } }));
    const view = await control(fake).show([]);
    expect(view).toMatchObject({
      name: 'c',
      class: CONFIG['connector.class'],
      state: 'RUNNING',
      tasks: [{ id: 0, state: 'FAILED', failure: expect.stringContaining('lacks a right') as string }],
      committed: { complete: true },
      planned: { 'database.password': '***', 'tasks.max': '1' },
      differences: { changed: ['tasks.max'], missing: [], unexpected: ['mine'] },
    });
    expect(view.committed?.position.hex).toBe('0000000000000064');
    expect(JSON.stringify(view)).not.toContain('hunter22');
  });

  it('shows that there is none', async () => {
    await using fake = await fakeConnect(null);
    expect(await control(fake).show([])).toMatchObject({ state: null, tasks: [], committed: null, differences: null });
  });

  it.each([
    ['RUNNING', 'POST /connectors/c/restart?includeTasks=true&onlyFailed=false'],
    ['FAILED', 'POST /connectors/c/restart?includeTasks=true&onlyFailed=false'],
    ['PAUSED', 'PUT /connectors/c/resume'],
    ['STOPPED', 'PUT /connectors/c/resume'],
  ])('restarts one that is %s', async (state, request) => {
    await using fake = await fakeConnect(running({ state }));
    await control(fake).restart();
    expect(fake.asked()).toEqual([request]);
  });

  it('puts the planned settings', async () => {
    await using fake = await fakeConnect(running({ config: { ...CONFIG, 'tasks.max': '2' } }));
    await control(fake).update([]);
    expect(fake.asked()).toEqual(['PUT /connectors/c/config']);
  });

  it.each(['restart', 'update'] as const)('does not %s one that is not there, nor over a gap', async (what) => {
    await using gone = await fakeConnect(null);
    await expect(control(gone)[what]([])).rejects.toMatchObject({ code: 'CONNECTOR_MISSING', recovery: 'refuse' });
    await using fake = await fakeConnect(running());
    await expect(control(fake, { ...ready, state: 'missing', reason: 'replication slot s is gone' })[what]([])).rejects.toMatchObject({ code: 'CONNECTOR_LOST', message: expect.stringMatching(/slot s is gone.*start a run/) as string });
    expect([...gone.asked(), ...fake.asked()]).toEqual([]);
  });
});

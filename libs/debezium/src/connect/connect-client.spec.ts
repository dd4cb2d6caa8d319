import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { ConnectClient } from './connect-client';

interface Answer {
  readonly status?: number;
  readonly body?: unknown;
}

/** Answers from a list, the last one again and again. */
class FakeConnect {
  readonly asked: string[] = [];
  readonly bodies: string[] = [];
  private constructor(private readonly server: Server) {}

  static async start(answers: Answer[], lagMs = 0): Promise<FakeConnect> {
    const server = createServer();
    const fake = new FakeConnect(server);
    server.on('request', (request: IncomingMessage, response) => {
      fake.asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      const { status = 200, body = {} } = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
      let text = '';
      request.on('data', (bytes: Buffer) => (text += bytes.toString()));
      request.on('end', () => {
        fake.bodies.push(text);
        setTimeout(() => response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body)), lagMs);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  [Symbol.dispose](): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const config = { 'connector.class': 'x.Y', 'database.password': 'hunter22' };
const busy: Answer = { status: 409, body: { message: 'rebalance' } };

describe('ConnectClient', () => {
  it('waits a rebalance out', async () => {
    using fake = await FakeConnect.start([busy, busy, { body: { offsets: [] } }]);
    expect(await new ConnectClient({ url: fake.url }).offsets('a/b')).toEqual([]);
    expect(fake.asked).toEqual(Array(3).fill('GET /connectors/a%2Fb/offsets'));
  });

  it('says retry when the rebalance does not end', async () => {
    using fake = await FakeConnect.start([busy]);
    await expect(new ConnectClient({ url: fake.url, rebalanceMs: 1 }).resume('a')).rejects.toMatchObject({ code: 'CONNECT', recovery: 'retry' });
  });

  it.each<[string, (fake: FakeConnect) => ConnectClient, RegExp]>([
    ['nobody answers', () => new ConnectClient({ url: 'http://127.0.0.1:1' }), /cannot be reached.*stream\.connect/],
    ['the answer takes too long', (fake) => new ConnectClient({ url: fake.url, timeoutMs: 20 }), /no answer within 20 ms/],
    ['the caller has no time left', (fake) => new ConnectClient({ url: fake.url, signal: AbortSignal.abort() }), /cannot be reached/],
  ])('says retry when %s', async (_, clientOf, message) => {
    using fake = await FakeConnect.start([{}], 500);
    const failed = clientOf(fake).names();
    await expect(failed).rejects.toMatchObject({ code: 'CONNECT', recovery: 'retry' });
    await expect(failed).rejects.toThrow(message);
  });

  it.each([400, 500])('names each setting that Connect refuses with status %d, and no secret', async (status) => {
    const configs = [{ value: null }, { value: { name: 'topic.prefix', errors: [] } }, { value: { name: 'database.hostname', errors: ['cannot log in with hunter22', 'no'] } }];
    using fake = await FakeConnect.start([{ status, body: { message: 'NullPointerException' } }, { body: { configs } }]);
    const refused = new ConnectClient({ url: fake.url }).put('shop', config);
    await expect(refused).rejects.toMatchObject({ code: 'CONNECT_REFUSED', recovery: 'refuse', place: { setting: 'database.hostname' } });
    await expect(refused).rejects.toThrow('Kafka Connect refuses connector shop: database.hostname: cannot log in with ***, no');
  });

  it('takes an inner error of Connect for passing when the settings are well', async () => {
    using fake = await FakeConnect.start([{ status: 500, body: { message: 'odd: hunter22' } }, { body: { configs: [] } }]);
    const failed = new ConnectClient({ url: fake.url }).put('shop', config);
    await expect(failed).rejects.toMatchObject({ code: 'CONNECT', recovery: 'retry' });
    await expect(failed).rejects.toThrow(/odd: \*\*\*/);
  });

  it.each([401, 403])('refuses when it is not let in (%d), and shows neither user nor password', async (status) => {
    using fake = await FakeConnect.start([{ status }]);
    const failed = new ConnectClient({ url: fake.url, user: 'elstream', password: 'hunter22' }).version();
    await expect(failed).rejects.toMatchObject({ code: 'CONNECT_REFUSED', recovery: 'refuse', message: expect.not.stringMatching(/hunter22/) as unknown });
  });

  it('takes secrets out of traces', async () => {
    using fake = await FakeConnect.start([{ body: { connector: { state: 'RUNNING' }, tasks: [{ id: 0, state: 'FAILED', trace: 'login with hunter22 failed' }] } }]);
    expect(await new ConnectClient({ url: fake.url }).status('shop', config)).toEqual({ state: 'RUNNING', trace: null, tasks: [{ id: 0, state: 'FAILED', trace: 'login with *** failed' }] });
  });

  it('tells an absent connector from an error', async () => {
    using fake = await FakeConnect.start([{ status: 404, body: { error_code: 404, message: 'not found' } }]);
    const client = new ConnectClient({ url: fake.url });
    expect([await client.status('x'), await client.config('x'), await client.offsets('x'), await client.delete('x')]).toEqual([null, null, null, false]);
    await expect(client.pause('x')).rejects.toMatchObject({ code: 'CONNECT_REFUSED' });
  });

  it('takes a 404 that is not of Connect itself for a worker that does not serve yet', async () => {
    using fake = await FakeConnect.start([{ status: 404, body: { url: '/connectors/x/config', status: '404', message: 'Not Found' } }]);
    const client = new ConnectClient({ url: fake.url });
    for (const asked of [client.status('x'), client.config('x'), client.offsets('x'), client.delete('x')]) await expect(asked).rejects.toMatchObject({ code: 'CONNECT', recovery: 'retry' });
  });

  it('gives offsets back as it got them', async () => {
    const body = '{"offsets":[{"partition":{"server":"p"},"offset":{"lsn":9007199254740993,"last_snapshot_record":false}}]}';
    using fake = await FakeConnect.start([{ body }, { body: '{}' }]);
    const client = new ConnectClient({ url: fake.url });
    await client.setOffsets('x', (await client.offsets('x')) ?? []);
    expect(fake.bodies[1]).toBe(body);
  });
});

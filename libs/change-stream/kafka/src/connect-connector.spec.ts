import { type CaptureSource } from '@elstream/change-stream';
import { silentLogger } from '@elstream/core';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { connectConnector } from './connect-connector';
import { type CaptureConnector } from './connector';

/** Kafka Connect as far as it is asked here: one connector whose task has failed. */
async function withConnect(trace: string, work: (connector: CaptureConnector, asked: () => string[], wait: (ms: number) => void) => Promise<void>, state = 'FAILED'): Promise<void> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    if (request.method !== 'GET') asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const [, what] = /^\/connectors\/c\/(\w+)/.exec(request.url ?? '') ?? [];
    const answers: Record<string, unknown> = { status: { connector: { state: 'RUNNING' }, tasks: [{ id: 0, state, trace }] }, config: { name: 'c', 'tasks.max': '1', 'table.include.list': 'b,a', 'message.key.columns': 'a:x' }, offsets: { offsets: [] } };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers[what ?? ''] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let now = 1_000_000;
  const capture = { endpoint: { connector: 'postgresql' } } as unknown as CaptureSource;
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  try {
    const connector = connectConnector({ kafka: { brokers: [], clientId: '' }, pipeline: 'p', groupId: 'g', topicPrefix: 'x', topics: { partitions: 1 }, capture, connect: { url, connector: 'c' }, clock: () => now }, silentLogger);
    await work(connector, () => asked.splice(0), (ms) => (now += ms));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a connector whose task failed', () => {
  it('is started again where the reason passes, ever less often', () =>
    withConnect('org.postgresql.util.PSQLException: Connection to h:1 refused.', async (connector, asked, wait) => {
      await connector.revive();
      expect(asked()).toEqual(['POST /connectors/c/restart?includeTasks=true&onlyFailed=true']);
      await connector.revive();
      expect(asked()).toEqual([]);
      let restarts = 0;
      for (let second = 0; second < 60; second += 1) {
        wait(1_000);
        await connector.revive();
        restarts += asked().length;
      }
      expect(restarts).toBeGreaterThan(2);
      expect(restarts).toBeLessThan(12);
      expect((await connector.health(null, null)).trouble).toContain('cannot be reached');
    }));

  it.each([
    ['ERROR: replication slot "s" does not exist', 'the replication slot is gone', true],
    ['ERROR: permission denied for table t', 'lacks a right', false],
  ])('is left alone at: %s', (trace, words, gap) =>
    withConnect(trace, async (connector, asked) => {
      await connector.revive();
      expect(asked()).toEqual([]);
      const health = await connector.health(null, null);
      expect(health.trouble).toContain(words);
      expect(health.gap !== null).toBe(gap);
    }));
});

describe('settings of a connector', () => {
  const ours = { 'tasks.max': '1', 'table.include.list': 'a,b', 'message.key.columns': 'a:x' };

  it.each([
    ['the same, tables in another order', ours, true, null],
    ['keys that are not known here', { ...ours, 'message.key.columns': 'a:y' }, false, null],
    ['other keys', { ...ours, 'message.key.columns': 'a:y' }, true, '(message.key.columns)'],
    ['a table less', { ...ours, 'table.include.list': 'a,b,c' }, false, '(table.include.list)'],
    ['one that is missing', { ...ours, 'snapshot.mode': 'no_data' }, true, '(snapshot.mode)'],
  ])('%s', (_name, config, complete, told) =>
    withConnect('', async (connector) => {
      const { trouble } = await connector.health({ config, complete }, null);
      if (told === null) expect(trouble).toBeNull();
      else expect(trouble).toContain(told);
    }, 'RUNNING'));
});

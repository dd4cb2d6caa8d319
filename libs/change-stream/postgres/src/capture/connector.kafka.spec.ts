import { eventually, testKafka } from '@elstream/testing';
import { mappingOf } from '../stream.fixture';
import { captureContext, quoted } from './capture.fixture';

jest.setTimeout(180_000);

const p = mappingOf('p', ['id'], ['id', 'v']);
const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';

describe('a real connector over what prepare made', () => {
  it('reads with REPLICATION and no right on the tables, and gets partitions as their root, those made later too', async () => {
    const { connectUrl } = await testKafka();
    await using context = await captureContext();
    const { db } = context;
    const name = `capture_${db.name}`;
    await db.query('CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY LIST (id); CREATE TABLE leaf (v text, gone int, id int PRIMARY KEY); ALTER TABLE leaf DROP gone; ALTER TABLE p ATTACH PARTITION leaf FOR VALUES IN (1)');
    await (await context.capture()).prepare([p]);
    const role = await context.role('REPLICATION');
    await db.query(`GRANT USAGE ON SCHEMA elstream TO ${quoted(role.name)}; GRANT SELECT, INSERT, UPDATE, DELETE ON elstream.counter TO ${quoted(role.name)}`);
    const url = new URL(db.url);
    const capture = await context.capture({ url: role.url, endpoint: { host: url.hostname, port: Number(url.port) } });
    expect((await capture.prepare([p])).created).toBe(false);
    const { endpoint, names } = capture;
    const rest = async (method: string, at: string, body?: unknown): Promise<unknown> => {
      const response = await fetch(`${connectUrl}/connectors/${name}/${at}`, { method, headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      if (!response.ok) throw new Error(`${at}: ${await response.text()}`);
      return response.status === 204 ? null : response.json();
    };
    await rest('PUT', 'config', {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'tasks.max': '1',
      'exactly.once.support': 'required',
      'topic.prefix': name,
      'topic.creation.default.replication.factor': '1',
      'topic.creation.default.partitions': '1',
      'database.hostname': endpoint.host,
      'database.port': String(endpoint.port),
      'database.user': endpoint.user,
      'database.password': endpoint.password,
      'database.dbname': endpoint.database,
      ...endpoint.settings,
      ...names,
      'plugin.name': 'pgoutput',
      'publication.autocreate.mode': 'disabled',
      'snapshot.mode': 'no_data',
      'skipped.operations': 'none',
      'key.converter': JSON_CONVERTER,
      'value.converter': JSON_CONVERTER,
    });
    try {
      await eventually(context.active, { describe: 'the slot is read', timeoutMs: 60_000 });
      await capture.raiseCounter();
      await db.query("CREATE TABLE later PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1, 'a'), (2, 'b')");
      await db.query("UPDATE p SET v = 'c'; DELETE FROM leaf; TRUNCATE p");
      await eventually(async () => {
        expect(await rest('GET', 'status')).toMatchObject({ tasks: [{ state: 'RUNNING' }] });
        const topics = ((await rest('GET', 'topics')) as Record<string, { topics: string[] }>)[name]?.topics ?? [];
        expect(topics.sort()).toEqual([`${name}.elstream.counter`, `${name}.public.p`]);
      }, { timeoutMs: 30_000 });
    } finally {
      await rest('DELETE', '');
    }
  });
});

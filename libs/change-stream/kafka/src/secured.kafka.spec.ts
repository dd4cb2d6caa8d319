import { describeError, ElstreamError, type Logger } from '@elstream/core';
import { openKafka, type KafkaClient, type KafkaSettings } from './client';
import { PASSWORD, type SecuredBroker, startSecuredBroker } from './secured.fixture';

jest.setTimeout(180_000);

/** Of nobody. */
const WRONG = 'marlin-2';

let broker: SecuredBroker;
let lines: string[];
let logger: Logger;
const open: KafkaClient[] = [];
beforeAll(async () => {
  broker = await startSecuredBroker();
});
afterAll(async () => {
  await broker?.server.kill();
  await broker?.server.stop();
});
beforeEach(() => {
  lines = [];
  const log = (fields: unknown, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  logger = { child: () => logger, debug: log, info: log, warn: log, error: log };
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
  for (const secret of [PASSWORD, WRONG, 'PRIVATE KEY']) expect(lines.join('\n')).not.toContain(secret);
});

async function connect(settings: KafkaSettings): Promise<KafkaClient> {
  const client = await openKafka({ ...settings, logger });
  open.push(client);
  return client;
}

type Mechanism = NonNullable<KafkaSettings['sasl']>['mechanism'];
const login = (mechanism: Mechanism, username: string, password = PASSWORD) => ({ sasl: { mechanism, username, password } });
const trusting = (more: object = {}) => ({ tls: { ca: broker.ca, ...more } });

describe('a broker that asks who we are', () => {
  it.each<[string, () => KafkaSettings]>([
    ['TLS and the mechanism plain', () => ({ ...broker.at('LOGIN'), ...trusting(), ...login('plain', 'plain') })],
    ['TLS and scram-sha-256', () => ({ ...broker.at('LOGIN'), ...trusting(), ...login('scram-sha-256', 'scram-256') })],
    ['TLS and scram-sha-512', () => ({ ...broker.at('LOGIN'), ...trusting(), ...login('scram-sha-512', 'scram-512') })],
    ['mutual TLS', () => ({ ...broker.at('MUTUAL'), ...trusting(broker.own) })],
    ['a name that the certificate bears', () => ({ ...broker.at('LOGIN'), ...trusting({ servername: 'broker.example' }), ...login('plain', 'plain') })],
    ['a login without TLS', () => ({ ...broker.at('PLAIN'), ...login('plain', 'plain') })],
  ])('takes topics and records and gives them back: %s', async (way, settingsOf) => {
    const topic = way.replace(/\W/g, '-');
    const settings = settingsOf();
    const given = structuredClone(settings);
    const client = await connect(settings);
    await client.createTopics([{ topic, partitions: 1 }]);
    const producer = await client.producer();
    await producer.send(topic, ['a', 'b'].map((value) => ({ key: null, value })));
    expect(await client.offsets(topic)).toEqual([{ partition: 0, first: 0n, end: 2n }]);

    const got = await new Promise<string[]>((resolve, reject) => {
      const values: string[] = [];
      const consumer = client.consume({
        groupId: `${topic}-group`,
        topics: [topic],
        startAt: () => Promise.resolve(0n),
        onBatch: async (batch) => {
          values.push(...batch.records.map(({ value }) => String(value)));
          await (await consumer).commit(batch, batch.next);
          if (batch.next === 2n) resolve(values);
          return undefined;
        },
        onGap: (gap) => reject(new Error(`gap at ${String(gap.expected)}`)),
        onFailure: reject,
      });
      consumer.catch(reject);
    });
    expect(got).toEqual(['a', 'b']);
    expect(await client.committed(`${topic}-group`, topic)).toEqual(new Map([[0, 2n]]));
    // The pipeline's own, which is compared with the file's when that is read again.
    expect(settings).toEqual(given);
  });

  it.each<[string, string, RegExp, () => KafkaSettings]>([
    ['a wrong password', 'KAFKA_PASSWORD stream.sasl', /check stream\.sasl\.username, stream\.sasl\.password/, () => ({ ...broker.at('LOGIN'), ...trusting(), ...login('plain', 'plain', WRONG) })],
    ['a wrong password of scram', 'KAFKA_PASSWORD stream.sasl', /check stream\.sasl\.username/, () => ({ ...broker.at('LOGIN'), ...trusting(), ...login('scram-sha-256', 'scram-256', WRONG) })],
    ['a user of the other scram', 'KAFKA_PASSWORD stream.sasl', /a user of one SCRAM mechanism is unknown to the other/, () => ({ ...broker.at('LOGIN'), ...trusting(), ...login('scram-sha-512', 'scram-256') })],
    ['a mechanism that is not offered', 'KAFKA_MECHANISM stream.sasl.mechanism', /sasl\.enabled\.mechanisms/, () => ({ ...broker.at('PLAIN'), ...login('scram-sha-512', 'scram-512') })],
    ['no login where one is asked for', 'KAFKA_LOGIN stream.sasl', /asks for a login.*set stream\.sasl/, () => ({ ...broker.at('LOGIN'), ...trusting() })],
    ['a login where none is asked for', 'KAFKA_LOGIN stream.sasl', /remove stream\.sasl/, () => ({ ...broker.at('NONE'), ...login('plain', 'plain') })],
    ['an authority that is not known', 'KAFKA_TLS stream.tls.ca', /set stream\.tls\.ca/, () => ({ ...broker.at('LOGIN'), tls: true, ...login('plain', 'plain') })],
    ['another name', 'KAFKA_TLS stream.tls.servername', /set stream\.tls\.servername/, () => ({ ...broker.at('LOGIN'), ...trusting({ servername: 'other.example' }), ...login('plain', 'plain') })],
    ['TLS to a plain port', 'KAFKA_TLS stream.tls', /does not speak TLS on this port.*stream\.brokers.*remove stream\.tls/, () => ({ ...broker.at('NONE'), ...trusting() })],
    ['TLS to a plain port with a login', 'KAFKA_TLS stream.tls', /does not speak TLS on this port/, () => ({ ...broker.at('PLAIN'), ...trusting(), ...login('plain', 'plain') })],
    ['no TLS to a port of TLS', 'KAFKA_TLS stream.tls', /speaks TLS.*set stream\.tls.*stream\.brokers/, () => ({ ...broker.at('LOGIN'), ...login('plain', 'plain') })],
    ['no TLS to a port of mutual TLS', 'KAFKA_TLS stream.tls', /speaks TLS/, () => broker.at('MUTUAL')],
    ['no certificate of ours', 'KAFKA_TLS stream.tls.cert', /set stream\.tls\.cert and stream\.tls\.key/, () => ({ ...broker.at('MUTUAL'), ...trusting() })],
    ['a certificate of ours that nobody trusts', 'KAFKA_TLS stream.tls.cert', /set stream\.tls\.cert/, () => ({ ...broker.at('MUTUAL'), ...trusting(broker.foreign) })],
    ['a key that is not that of the certificate', 'KAFKA_TLS stream.tls', /see that ca, cert and key are PEM/, () => ({ ...broker.at('MUTUAL'), ...trusting({ ...broker.own, key: broker.foreign.key }) })],
  ])('refuses for good, naming setting and remedy: %s', async (_, problem, remedy, settingsOf) => {
    const [code, setting] = problem.split(' ');
    const refused: unknown = await connect(settingsOf()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ElstreamError);
    expect(refused).toMatchObject({ code, recovery: 'stop', place: { setting }, message: expect.stringMatching(remedy) as string });
    for (const secret of [PASSWORD, WRONG, 'PRIVATE KEY']) expect(describeError(refused)).not.toContain(secret);
  });

  it('is content with one broker of several that takes us', async () => {
    const brokers = [...broker.at('PLAIN').brokers, ...broker.at('LOGIN').brokers];
    const client = await connect({ brokers, clientId: 'spec', ...trusting(), ...login('plain', 'plain') });
    expect(await client.listTopics()).toEqual(expect.any(Array));
  });

  it('ends a reader whose password was changed meanwhile, with the cause', async () => {
    const client = await connect({ ...broker.at('LOGIN'), ...trusting(), ...login('plain', 'plain') });
    await client.createTopics([{ topic: 'changed', partitions: 1 }]);
    let begun = (): void => undefined;
    const reading = new Promise<void>((resolve) => (begun = resolve));
    const failed = new Promise<unknown>((resolve, reject) => {
      const startAt = (): Promise<bigint> => {
        begun();
        return Promise.resolve(0n);
      };
      client.consume({ groupId: 'changed', topics: ['changed'], startAt, onBatch: () => Promise.resolve(undefined), onGap: () => undefined, onFailure: resolve }).catch(reject);
    });
    await reading;
    await broker.changePassword('perch-3');
    expect(await failed).toMatchObject({ code: 'KAFKA_PASSWORD', recovery: 'stop', place: { setting: 'stream.sasl' } });
    await expect(client.listTopics()).rejects.toMatchObject({ code: 'KAFKA_PASSWORD', recovery: 'stop' });
  });
});

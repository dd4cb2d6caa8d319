import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadPipelineText } from '@elstream/config';
import { kafkaPipeline } from '../../paths';
import { type ServiceOrder } from './manifest';
import { givenAddresses, withNames } from './start-kafka';

const KAFKA = { KAFKA_BROKERS: 'one:9092', CONNECT_URL: 'http://localhost:8083' };

describe('a Kafka that is given to the demonstration', () => {
  it.each([
    [{}, null],
    [{ KAFKA_BROKERS: '', CONNECT_URL: '' }, null],
    [{ ...KAFKA, CONNECT_URL: 'http://localhost:8083/' }, KAFKA],
  ])('by %j', (env, expected) => {
    expect(givenAddresses(env)).toEqual(expected);
  });

  it.each(['KAFKA_BROKERS', 'CONNECT_URL'] as const)('is refused when only %s is set', (variable) => {
    expect(() => givenAddresses({ [variable]: KAFKA[variable] })).toThrow(`${variable} is set without`);
  });

  it('gets topics, group and connector of this run alone', () => {
    const order = { files: [{ path: path.basename(kafkaPipeline), text: readFileSync(kafkaPipeline, 'utf8') }] } as unknown as ServiceOrder;
    const [file] = withNames(order, 'mine').files;
    const url = 'postgres://u:p@127.0.0.1:5432/d';
    const { stream } = loadPipelineText(file?.text ?? '', { ...KAFKA, SOURCE_URL: url, WAREHOUSE_URL: url.replace('/d', '/w') }).config;
    expect(stream).toMatchObject({ type: 'kafka', topicPrefix: 'mine', groupId: 'mine', connect: { url: KAFKA.CONNECT_URL, name: 'mine' }, partitions: { default: 3 } });
    expect(() => withNames({ ...order, files: [{ path: 'a.yaml', text: 'name: a' }] }, 'mine')).toThrow('a.yaml has no lines');
  });
});

import { existsSync } from 'node:fs';
import path from 'node:path';
import { startKafkaServer } from '../kafka/kafka-server';
import { describeKafka } from '../kafka/probe';
import { servers, servingFolder } from './set.fixture';

const valuesIn = (output: string): Record<string, string> => Object.fromEntries([...output.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]));

jest.setTimeout(240_000);

describe('npm run servers, with Kafka', () => {
  it('starts Kafka and, for it, Kafka Connect, and keeps data and addresses over down and up', async () => {
    await using folder = servingFolder();
    const first = await servers(folder.path, ['up', '--without', 'redis,source,warehouse']);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/kafka +up .*Kafka, 1 broker\nconnect +up .*Kafka Connect \d/) as string });
    const values = valuesIn(first.stdout);
    expect(Object.keys(values)).toEqual(['KAFKA_BROKERS', 'CONNECT_URL']);
    const { clusterId } = await describeKafka(values['KAFKA_BROKERS']!);
    expect(await (await fetch(values['CONNECT_URL']!)).json()).toMatchObject({ kafka_cluster_id: clusterId });
    expect(await servers(folder.path, ['status'])).toMatchObject({ code: 0, stdout: first.stderr });

    expect((await servers(folder.path, ['down'])).code).toBe(0);
    await expect(describeKafka(values['KAFKA_BROKERS']!)).rejects.toThrow('ECONNREFUSED');
    const again = await servers(folder.path, ['up', '--without', 'redis,source,warehouse,connect'], values);
    expect(valuesIn(again.stdout)).toEqual({ KAFKA_BROKERS: values['KAFKA_BROKERS'] });
    expect((await describeKafka(values['KAFKA_BROKERS']!)).clusterId).toBe(clusterId);
  });

  it('uses the Kafka that is named in KAFKA_BROKERS, and says so when nothing answers there', async () => {
    await using folder = servingFolder();
    const env = { KAFKA_BROKERS: '' };
    {
      await using theirs = await startKafkaServer();
      env.KAFKA_BROKERS = theirs.brokers;
      const up = await servers(folder.path, ['up', '--without', 'redis,source,warehouse,connect'], env);
      expect(up).toMatchObject({ code: 0, stderr: expect.stringMatching(/kafka +up .*given by KAFKA_BROKERS/) as string });
      expect(existsSync(path.join(folder.path, 'servers', 'kafka'))).toBe(false);
    }
    const refused = await servers(folder.path, ['up', '--without', 'redis,source,warehouse,connect'], env);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('KAFKA_BROKERS is set, but nothing answers there') as string });
  });
});

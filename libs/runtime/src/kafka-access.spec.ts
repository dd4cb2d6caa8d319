import { loadPipelineText } from '@elstream/config';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { kafkaAccess } from './kafka-access';

const certificate = (of: string): string => `-----BEGIN CERTIFICATE-----\n${of}\n-----END CERTIFICATE-----\n`;
const KEY = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

/** From the pipeline file to what the client of Kafka is given. */
function accessOf(settings: string, env: Record<string, string> = {}) {
  const file = `
name: shop
source: { url: 'postgres://app@src/shop' }
warehouse: { url: 'postgres://app@wh/dwh' }
tables: { include: ['public.*'] }
stream:
  type: kafka
  brokers: one:9093,two:9093
  connect: { url: 'http://connect:8083' }
${settings}`;
  const { stream } = loadPipelineText(file, env).config;
  if (stream.type !== 'kafka') throw new Error('no Kafka');
  return kafkaAccess(stream);
}

describe('what the pipeline file says of the brokers', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-pem-'));
    for (const [name, text] of Object.entries({ ca: certificate('ca'), cert: certificate('cert'), key: KEY })) writeFileSync(path.join(folder, `${name}.pem`), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const plain = { brokers: ['one:9093', 'two:9093'], clientId: 'elstream' };

  it('is neither TLS nor a login by default, nor where TLS is switched off', () => {
    expect(accessOf('')).toEqual(plain);
    expect(accessOf('  tls: false')).toEqual(plain);
  });

  it("is TLS with the system's authorities", () => {
    expect(accessOf('  tls: true')).toEqual({ ...plain, tls: { rejectUnauthorized: true } });
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])('is a login by %s whose password comes from the environment', (mechanism) => {
    const sasl = `  sasl: { mechanism: ${mechanism}, username: app, password: '\${KAFKA_PASSWORD}' }`;
    expect(accessOf(`  tls: true\n${sasl}`, { KAFKA_PASSWORD: 'a"b\\c' })).toEqual({ ...plain, tls: { rejectUnauthorized: true }, sasl: { mechanism, username: 'app', password: 'a"b\\c' } });
  });

  it('is mutual TLS by the texts of files', () => {
    const file = (name: string): string => path.join(folder, `${name}.pem`);
    expect(accessOf(`  tls: { ca: '${file('ca')}', cert: '${file('cert')}', key: '${file('key')}', servername: kafka.example }`)).toEqual({
      ...plain,
      tls: { rejectUnauthorized: true, ca: certificate('ca'), cert: certificate('cert'), key: KEY, servername: 'kafka.example' },
    });
  });

  it('is mutual TLS by texts of the environment, line ends written out or not', () => {
    const env = { CA: certificate('ca').replaceAll('\n', '\\n'), CERT: certificate('cert'), KEY };
    expect(accessOf("  tls: { ca: '${CA}', cert: '${CERT}', key: '${KEY}', rejectUnauthorized: false }", env)).toEqual({
      ...plain,
      tls: { rejectUnauthorized: false, ca: certificate('ca'), cert: certificate('cert'), key: KEY },
    });
  });

  it('is refused where a file cannot be read, naming the setting', () => {
    expect(() => accessOf(`  tls: { ca: '${folder}/none.pem' }`)).toThrow(/stream\.tls\.ca names a file that cannot be read/);
  });
});

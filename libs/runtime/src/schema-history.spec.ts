import { generateKeyPairSync } from 'node:crypto';
import { schemaHistoryClient } from './schema-history';

const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';
const pem = { kind: 'text', text: PEM } as const;
const sasl = { mechanism: 'scram-sha-512', username: 'u', password: 'a"b\\c' } as const;

describe("the clients of a connector's schema history", () => {
  it.each([
    ['know of nothing where the brokers ask nothing', { tls: null, sasl: null }, {}],
    ['log in', { tls: null, sasl }, {
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="a\\"b\\\\c";',
    }],
    ["use TLS with the worker's own authorities", { tls: { rejectUnauthorized: true }, sasl: null }, { 'security.protocol': 'SSL' }],
    ['log in over TLS, with our certificates', { tls: { rejectUnauthorized: true, ca: pem, cert: pem, key: pem }, sasl: { ...sasl, mechanism: 'plain', password: 'p' } as const }, {
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'PLAIN',
      'sasl.jaas.config': 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.certificates': PEM,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': PEM,
      'ssl.keystore.key': PEM,
    }],
  ])('%s', (_what, stream, expected) => expect(schemaHistoryClient(stream)).toEqual(expected));

  it('leave the names of brokers unchecked where we do', () => {
    expect(schemaHistoryClient({ tls: { rejectUnauthorized: false, ca: pem }, sasl: null })).toMatchObject({ 'ssl.endpoint.identification.algorithm': '', 'ssl.truststore.certificates': PEM });
  });

  it.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'pkcs1'],
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'sec1'],
  ] as const)("get a key of OpenSSL's form for %s in the one that Java reads", (_, key, type) => {
    const text = key.export({ type: type as 'pkcs1', format: 'pem' }).toString();
    const given = schemaHistoryClient({ tls: { rejectUnauthorized: true, cert: pem, key: { kind: 'text', text } }, sasl: null });
    expect(given['ssl.keystore.key']).toBe(key.export({ type: 'pkcs8', format: 'pem' }));
  });

  it('are refused a key that cannot be read, without showing it', () => {
    const text = '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----';
    expect(() => schemaHistoryClient({ tls: { rejectUnauthorized: true, cert: pem, key: { kind: 'text', text } }, sasl: null })).toThrow(/^stream\.tls\.key is no private key(?!.*hunter2)/);
  });
});

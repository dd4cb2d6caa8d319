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
});

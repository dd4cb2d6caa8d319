import { readTls, type KafkaStream } from '@elstream/config';
import { ElstreamError } from '@elstream/core';
import { createPrivateKey } from 'node:crypto';

const LOGIN = {
  plain: { mechanism: 'PLAIN', module: 'org.apache.kafka.common.security.plain.PlainLoginModule' },
  'scram-sha-256': { mechanism: 'SCRAM-SHA-256', module: 'org.apache.kafka.common.security.scram.ScramLoginModule' },
  'scram-sha-512': { mechanism: 'SCRAM-SHA-512', module: 'org.apache.kafka.common.security.scram.ScramLoginModule' },
} as const;

/**
 * How the clients of a SQL Server connector's schema history prove who they are: they are no clients of the worker, and
 * know nothing of its settings. As ours do; `stream.connector` may say otherwise (`schema.history.internal.producer.…`). Holds secrets.
 */
export function schemaHistoryClient({ tls, sasl }: Pick<KafkaStream, 'tls' | 'sasl'>): Record<string, string> {
  if (tls === null && sasl === null) return {};
  return { 'security.protocol': [...(sasl === null ? [] : ['SASL']), tls === null ? 'PLAINTEXT' : 'SSL'].join('_'), ...(sasl === null ? {} : login(sasl)), ...(tls === null ? {} : certificates(tls)) };
}

function login({ mechanism, username, password }: NonNullable<KafkaStream['sasl']>): Record<string, string> {
  const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
  return {
    'sasl.mechanism': LOGIN[mechanism].mechanism,
    'sasl.jaas.config': `${LOGIN[mechanism].module} required username=${quoted(username)} password=${quoted(password)};`,
  };
}

/** A worker elsewhere has none of our files: it is given the texts. Java cannot trust everybody, but leave the names out. */
function certificates(tls: NonNullable<KafkaStream['tls']>): Record<string, string> {
  const { ca, cert, key, rejectUnauthorized } = readTls(tls);
  return {
    ...(rejectUnauthorized ? {} : { 'ssl.endpoint.identification.algorithm': '' }),
    ...(ca === undefined ? {} : { 'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': ca }),
    ...(cert === undefined || key === undefined ? {} : { 'ssl.keystore.type': 'PEM', 'ssl.keystore.certificate.chain': cert, 'ssl.keystore.key': pkcs8(key) }),
  };
}

/** Kafka's clients in Java take no other form of a key; Node, and so we, take those of OpenSSL too. */
function pkcs8(key: string): string {
  if (!/-----BEGIN (?:RSA|EC) P/.test(key)) return key;
  try {
    return createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch (error) {
    throw new ElstreamError('CONFIG_INVALID', 'refuse', 'stream.tls.key is no private key that can be read; give a PEM key without a password', { cause: error, place: { setting: 'stream.tls.key' } });
  }
}

import { ElstreamError } from '@elstream/core';
import { KafkaJSConnectionError, KafkaJSProtocolError, KafkaJSRequestTimeoutError } from 'kafkajs';
import { classifyKafkaError } from './kafka-errors';

/** kafkajs does not export its class. */
const loginError = (message: string) => Object.assign(new Error(message), { name: 'KafkaJSSASLAuthenticationError', retriable: false });
const protocolError = (type: string) => new KafkaJSProtocolError(Object.assign(new Error(type), { type, code: 1, retriable: false }));
const tlsError = (code: string) => new KafkaJSConnectionError('Connection error', { broker: 'b:1', code });

/** As after the last of its tries. */
const wrapped = (cause: Error) => Object.assign(new Error('tried 8 times', { cause }), { name: 'KafkaJSNumberOfRetriesExceeded' });

describe('an error of kafkajs', () => {
  it.each([
    ['a refused login', loginError('SASL PLAIN authentication failed: Authentication failed: Invalid username or password'), 'KAFKA_PASSWORD', 'stop'],
    ['one that kafkajs has wrapped', wrapped(loginError('SASL SCRAM SHA512 authentication failed: no such user')), 'KAFKA_PASSWORD', 'stop'],
    ['a login that a broken connection ended', loginError('SASL PLAIN authentication failed: Closed connection'), 'KAFKA', 'retry'],
    ['a login that was reset', loginError('SASL SCRAM SHA256 authentication failed: Connection error: read ECONNRESET'), 'KAFKA', 'retry'],
    ['a login without an answer', loginError('SASL PLAIN authentication failed: Request SaslAuthenticate(key: 36, version: 1) timed out'), 'KAFKA', 'retry'],
    ['another mechanism', protocolError('UNSUPPORTED_SASL_MECHANISM'), 'KAFKA_MECHANISM', 'stop'],
    ['a login that nobody asked for', protocolError('ILLEGAL_SASL_STATE'), 'KAFKA_LOGIN', 'stop'],
    ['missing rights', protocolError('TOPIC_AUTHORIZATION_FAILED'), 'KAFKA_PRIVILEGE', 'stop'],
    ['an election', protocolError('LEADER_NOT_AVAILABLE'), 'KAFKA', 'retry'],
    ['a certificate that ran out, tried again and again', wrapped(tlsError('CERT_HAS_EXPIRED')), 'KAFKA_TLS', 'stop'],
    ['a certificate of ours that ran out', tlsError('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED'), 'KAFKA_TLS', 'stop'],
    ['no certificate of ours', tlsError('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'KAFKA_TLS', 'stop'],
    ['no common version of TLS', tlsError('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'), 'KAFKA_TLS', 'stop'],
    ['a broken connection', tlsError('ECONNRESET'), 'KAFKA', 'retry'],
    ['a silent broker', new KafkaJSRequestTimeoutError('timed out', { broker: 'b:1', clientId: 'c', correlationId: 1, createdAt: 1, sentAt: 1, pendingDuration: 1 }), 'KAFKA', 'retry'],
    ['something else', 'a text', 'KAFKA', 'retry'],
  ])('%s', (_, error, code, recovery) => {
    expect(classifyKafkaError('work', error)).toMatchObject({ code, recovery, message: expect.stringMatching(/^Kafka: work: /) as string });
  });

  it('is left as it is when it is one of ours', () => {
    const ours = new ElstreamError('KAFKA', 'retry', 'x');
    expect(classifyKafkaError('work', ours)).toBe(ours);
  });

  it('says where to look when a connection is closed without a word', () => {
    expect(classifyKafkaError('list topics', new Error('Closed connection')).message).toMatch(/compare stream\.tls and stream\.sasl/);
  });
});

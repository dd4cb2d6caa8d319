import { describeError, ElstreamError } from '@elstream/core';

/** Codes that Node gives a certificate it does not accept. */
const CERTIFICATE = /^(?:ERR_TLS_CERT_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT\w*|VERIFY_LEAF_SIGNATURE)|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_EXCEEDED)$/;
/** Alerts that a broker ends a handshake with: it does not take our certificate, or none. */
const OUR_CERTIFICATE = /^ERR_SSL_\w+_ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)$/;
const NO_COMMON_GROUND = /^ERR_SSL_(?:\w+_ALERT_(?:HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY)|UNSUPPORTED_PROTOCOL)$/;

/** A login that a broken connection ended has the class of one that was refused; kafkajs 2.2.4 keeps no more of the cause than its own words, behind the last colon but theirs. */
const BROKE_DURING_LOGIN = /authentication failed: (?:Closed connection|Connection (?:error|timeout|closed)|Not connected|Request \w+\(.*\) timed out)/i;

const AUTHORIZATION: ReadonlySet<string> = new Set(['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED']);

/** What we go by of an error of kafkajs or of Node's sockets, and of those it wraps. */
interface Link {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly type?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/**
 * Any error of kafkajs → `ElstreamError`. `stop`: what a person must correct in the pipeline file or at the broker, as a
 * wrong password of a database; everything else passes by itself: connections, elections, timeouts (`KAFKA`, retry).
 */
export function classifyKafkaError(what: string, error: unknown): ElstreamError {
  if (error instanceof ElstreamError) return error;
  for (let link = error as Link | undefined, depth = 0; typeof link === 'object' && link !== null && depth < 5; link = link.cause as Link | undefined, depth += 1) {
    const refused = refusalOf(what, link, error);
    if (refused !== null) return refused;
  }
  const hint = (error as Link | null)?.message === 'Closed connection' ? '; if this lasts, compare stream.tls and stream.sasl with what the listener of the broker asks for' : '';
  return new ElstreamError('KAFKA', 'retry', `Kafka: ${what}: ${describeError(error)}${hint}`, { cause: error });
}

function refusalOf(what: string, { name, code, type, message }: Link, cause: unknown): ElstreamError | null {
  const said = typeof message === 'string' ? message : '';
  const stop = (setting: string, [own, problem]: readonly [code: string, problem: string], remedy: string): ElstreamError => stopped(setting, [own, `Kafka: ${what}: ${problem}`], { remedy, cause });
  if (type === 'UNSUPPORTED_SASL_MECHANISM' || /mechanism is not supported by the server$/.test(said)) {
    return stop('stream.sasl.mechanism', ['KAFKA_MECHANISM', 'the broker does not offer this mechanism of login'], 'set stream.sasl.mechanism to one that its listener has in sasl.enabled.mechanisms');
  }
  if (type === 'ILLEGAL_SASL_STATE') {
    return stop('stream.sasl', ['KAFKA_LOGIN', 'the listener of the broker takes no login'], 'remove stream.sasl, or name in stream.brokers the port of a listener that asks for one');
  }
  if (name === 'KafkaJSSASLAuthenticationError' && !BROKE_DURING_LOGIN.test(said)) {
    return stop('stream.sasl', ['KAFKA_PASSWORD', said], 'check stream.sasl.username, stream.sasl.password and stream.sasl.mechanism; a user of one SCRAM mechanism is unknown to the other');
  }
  if (typeof type === 'string' && AUTHORIZATION.has(type)) {
    return stop('stream.sasl.username', ['KAFKA_PRIVILEGE', said], 'give the user (with mutual TLS: the subject of stream.tls.cert) the missing rights on its topics and its group at the broker');
  }
  return typeof code === 'string' ? tlsRefusal(what, { code, message: said }, cause) : null;
}

/** Of a failed handshake, when its code says for certain that it will fail again; else null. */
export function tlsRefusal(what: string, { code, message }: { readonly code: string; readonly message: string }, cause?: unknown): ElstreamError | null {
  const stop = (setting: string, problem: string, remedy: string): ElstreamError => stopped(setting, ['KAFKA_TLS', `Kafka: ${what}: ${problem}`], { remedy, cause });
  if (CERTIFICATE.test(code)) {
    const name = code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH';
    const remedy = name
      ? 'name the broker in stream.brokers as its certificate does, or set stream.tls.servername to a name that the certificates of all brokers bear'
      : 'set stream.tls.ca to the certificate of the authority that signed it';
    return stop(name ? 'stream.tls.servername' : 'stream.tls.ca', `the broker's certificate is not accepted (${code}: ${message})`, remedy);
  }
  if (OUR_CERTIFICATE.test(code)) {
    return stop('stream.tls.cert', `the broker does not accept our certificate, or asks for one (${code})`, 'set stream.tls.cert and stream.tls.key to a certificate in force that an authority the broker trusts has signed');
  }
  if (NO_COMMON_GROUND.test(code)) {
    return stop('stream.tls', `the broker and this process have no version of TLS or cipher in common (${code})`, 'let the listener of the broker offer TLS 1.2 or 1.3');
  }
  return null;
}

export function stopped(setting: string, [code, problem]: readonly [code: string, problem: string], { remedy, cause }: { readonly remedy: string; readonly cause?: unknown }): ElstreamError {
  return new ElstreamError(code, 'stop', `${problem}; ${remedy}`, { place: { setting }, ...(cause === undefined ? {} : { cause }) });
}

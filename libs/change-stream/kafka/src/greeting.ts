import { sleep, type ElstreamError } from '@elstream/core';
import { connect as connectPlainly, isIP, type Socket } from 'node:net';
import { connect as connectByTls, createSecureContext, type ConnectionOptions } from 'node:tls';
import { stopped, tlsRefusal } from './kafka-errors';

/** How a broker is spoken to. */
export interface Speech {
  readonly brokers: readonly string[];
  readonly tls?: ConnectionOptions | true;
  readonly sasl?: object;
  /** For each answer. Default 5,000 ms. */
  readonly patienceMs?: number;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** What became of a question: answered; ended by the broker or by an error (its code); or not Kafka's protocol. */
type Answer = { readonly kind: 'answered'; readonly body: Buffer } | { readonly kind: 'ended'; readonly code: string; readonly message: string } | { readonly kind: 'foreign' };
type Verdict = 'answers' | 'unknown' | ElstreamError;

const METADATA = 3;
/** ApiVersions, version 0: every broker answers it, before any login. */
const VERSIONS_REQUEST = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
/** Metadata, version 1, of no topic: nobody answers it before a login that is asked for. */
const METADATA_REQUEST = Buffer.from([0, 0, 0, 14, 0, METADATA, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0, 0, 0, 0]);
const CONFIRM_MS = 500;
/** The broker is there, and ends the connection. */
const ENDED: ReadonlySet<string> = new Set(['CLOSED', 'ECONNRESET', 'EPIPE']);

/**
 * Finds out before kafkajs whether the brokers can be spoken to as the settings say. To kafkajs TLS at a plain port, no TLS
 * at a port of TLS, and no login where one is asked for are connections that close; it tries again for a quarter of a
 * minute, and can name neither the cause nor a remedy. Here each is proven by speaking the other way. A broker that is
 * away, or silent, proves nothing: that is kafkajs's to wait for. One broker that answers is enough.
 *
 * @throws ElstreamError `KAFKA_TLS`, `KAFKA_LOGIN` (stop) naming the setting
 */
export async function greetBrokers(speech: Speech): Promise<void> {
  checkCertificates(speech.tls);
  const verdicts = await Promise.all(speech.brokers.map((broker) => greet(broker, speech)));
  const refused = verdicts.find((verdict) => typeof verdict === 'object');
  if (refused !== undefined && !verdicts.includes('answers')) throw refused;
}

/** What cannot even be tried: kafkajs would try it again and again. */
function checkCertificates(tls: Speech['tls']): void {
  if (tls === undefined || tls === true) return;
  try {
    createSecureContext(tls);
  } catch (error) {
    throw stopped('stream.tls', ['KAFKA_TLS', `Kafka: stream.tls cannot be used: ${(error as Error).message}`], { remedy: 'see that ca, cert and key are PEM, and that the key, without a password, is the one of the certificate', cause: error });
  }
}

async function greet(broker: string, speech: Speech): Promise<Verdict> {
  const at = addressOf(broker);
  const what = `connect to ${broker}`;
  const first = await new Talk(at, speech.tls, speech).ask([VERSIONS_REQUEST]);
  if (first.kind === 'answered') return speech.sasl === undefined ? loginAsked(broker, first.body, speech) : 'answers';
  const refused = first.kind === 'ended' ? tlsRefusal(what, first) : null;
  if (refused !== null) return refused;
  if (first.kind === 'ended' && !ENDED.has(first.code) && !first.code.startsWith('ERR_SSL_')) return 'unknown';
  if (speech.tls === undefined) return (await speaksTls(at, speech)) ? tlsAsked(broker) : 'unknown';
  const plainly = await new Talk(at, undefined, speech).ask([VERSIONS_REQUEST]);
  return plainly.kind === 'answered' ? tlsUnknown(broker) : 'unknown';
}

function tlsAsked(broker: string): ElstreamError {
  return stopped('stream.tls', ['KAFKA_TLS', `Kafka: the broker at ${broker} speaks TLS, but stream.tls is not set`], {
    remedy: 'set stream.tls (and stream.tls.ca, unless the system knows the authority of its certificate), or name in stream.brokers the port of a listener without TLS',
  });
}

function tlsUnknown(broker: string): ElstreamError {
  return stopped('stream.tls', ['KAFKA_TLS', `Kafka: the broker at ${broker} does not speak TLS on this port, but stream.tls is set`], { remedy: 'name in stream.brokers the port of a listener of TLS, or remove stream.tls' });
}

/** Asked twice: a broker that is ending closes connections too. */
async function loginAsked(broker: string, versions: Buffer, speech: Speech): Promise<Verdict> {
  if (!offers(versions, METADATA, 1)) return 'answers';
  for (let tries = 1; tries <= 2; tries += 1) {
    if (tries > 1) await sleep(CONFIRM_MS);
    const answer = await new Talk(addressOf(broker), speech.tls, speech).ask([VERSIONS_REQUEST, METADATA_REQUEST]);
    if (answer.kind === 'answered') return 'answers';
    if (answer.kind !== 'ended' || !ENDED.has(answer.code)) return 'unknown';
  }
  return stopped('stream.sasl', ['KAFKA_LOGIN', `Kafka: the broker at ${broker} asks for a login, but stream.sasl is not set`], { remedy: 'set stream.sasl, or name in stream.brokers the port of a listener that asks for none' });
}

/** Whatever becomes of the certificates: that there is a handshake says it. */
function speaksTls({ host, port }: Address, { patienceMs = 5_000 }: Speech): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectByTls({ host, port, rejectUnauthorized: false, ...(isIP(host) ? {} : { servername: host }) }, () => end(true));
    const end = (speaks: boolean): void => {
      socket.destroy();
      resolve(speaks);
    };
    socket.setTimeout(patienceMs, () => end(false));
    socket.on('error', (error: NodeJS.ErrnoException) => end(/^ERR_SSL_\w+_ALERT_/.test(error.code ?? '')));
    socket.on('close', () => end(false));
  });
}

/** One connection. */
class Talk {
  constructor(
    private readonly at: Address,
    private readonly tls: Speech['tls'],
    private readonly speech: Pick<Speech, 'patienceMs'>,
  ) {}

  /** The answer to the last of the requests, without its length; each is sent when the one before is answered. */
  ask(requests: readonly Buffer[]): Promise<Answer> {
    return new Promise((resolve) => {
      const waiting = [...requests];
      const socket = this.open(() => socket.write(waiting.shift() ?? Buffer.alloc(0)));
      const end = (answer: Answer): void => {
        socket.destroy();
        resolve(answer);
      };
      let got = Buffer.alloc(0);
      socket.setTimeout(this.speech.patienceMs ?? 5_000, () => end({ kind: 'ended', code: 'ETIMEDOUT', message: 'no answer' }));
      socket.on('error', (error: NodeJS.ErrnoException) => end({ kind: 'ended', code: error.code ?? '', message: error.message }));
      socket.on('close', () => end({ kind: 'ended', code: 'CLOSED', message: 'the broker ends the connection' }));
      socket.on('data', (bytes: Buffer) => {
        got = Buffer.concat([got, bytes]);
        const length = got.length < 4 ? 0 : got.readInt32BE(0);
        if (length < 0 || length > 1_000_000) return end({ kind: 'foreign' });
        if (length === 0 || got.length < 4 + length) return;
        const next = waiting.shift();
        if (next === undefined) return end({ kind: 'answered', body: got.subarray(4, 4 + length) });
        got = got.subarray(4 + length);
        socket.write(next);
      });
    });
  }

  /** As kafkajs does. */
  private open(onConnect: () => void): Socket {
    const { host, port } = this.at;
    if (this.tls === undefined) return connectPlainly({ host, port }, onConnect);
    return connectByTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...(this.tls === true ? {} : this.tls) }, onConnect);
  }
}

/** Whether the answer of ApiVersions, version 0, has the request: correlation id, error, [key, lowest, highest]. */
function offers(body: Buffer, key: number, version: number): boolean {
  const count = body.length < 10 ? 0 : body.readInt32BE(6);
  for (let at = 10, left = count; left > 0 && at + 6 <= body.length; at += 6, left -= 1) {
    if (body.readInt16BE(at) === key) return body.readInt16BE(at + 2) <= version && version <= body.readInt16BE(at + 4);
  }
  return false;
}

/** `host:port`, or `[IPv6 address]:port`. */
function addressOf(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(broker.slice(colon + 1)) };
}

import { connect } from 'node:net';
import { failure, messageOf } from '../failure';

/** What a broker tells of its cluster. */
export interface KafkaCluster {
  readonly clusterId: string;
  /** Brokers that serve. */
  readonly brokers: number;
}

/**
 * Asks the brokers, one after the other, for their cluster; the first answer counts. No client library: this project has
 * none, and a broker that is only starting shall be asked often.
 *
 * @param brokers as in `KAFKA_BROKERS`: `host:port,host:port`
 * @throws ElstreamError when none answers within `timeoutMs`
 */
export async function describeKafka(brokers: string, timeoutMs = 5_000): Promise<KafkaCluster> {
  const said: string[] = [];
  for (const broker of brokers.split(',').map((text) => text.trim())) {
    const at = /^(?:\[([^\]]+)\]|([^:/]+)):(\d+)$/.exec(broker);
    if (!at) throw failure(`KAFKA_BROKERS must be a list host:port,host:port; ${broker} is none`);
    try {
      return parse(await ask(at[1] ?? at[2] ?? '', Number(at[3]), timeoutMs));
    } catch (error) {
      said.push(`${broker}: ${messageOf(error)}`);
    }
  }
  throw failure(`no Kafka broker answers (${said.join('; ')})`);
}

/** Metadata, version 2, of no topic: the oldest that tells the cluster's id. */
const REQUEST = Buffer.from([0, 0, 0, 14, 0, 3, 0, 2, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);

/** The answer, without its length. One that speaks TLS or asks for a password ends the connection: said so. */
function ask(host: string, port: number, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write(REQUEST));
    const end = (work: () => void): void => {
      socket.destroy();
      work();
    };
    let got = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => end(() => reject(new Error(`does not answer within ${String(timeoutMs)} ms`))));
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => reject(new Error('ends the connection unasked')));
    socket.on('data', (bytes: Buffer) => {
      got = Buffer.concat([got, bytes]);
      const length = got.length < 4 ? 0 : got.readInt32BE(0);
      if (length > 1_000_000 || length < 0) end(() => reject(new Error('does not speak the protocol of Kafka')));
      else if (length > 0 && got.length >= 4 + length) end(() => resolve(got.subarray(4, 4 + length)));
    });
  });
}

/** correlation id, brokers [node id, host, port, rack or null], cluster id or null … */
function parse(answer: Buffer): KafkaCluster {
  let at = 4;
  const int32 = (): number => answer.readInt32BE((at += 4) - 4);
  const text = (): string => {
    const length = answer.readInt16BE((at += 2) - 2);
    return length < 0 ? '' : answer.toString('utf8', at, (at += length));
  };
  const brokers = int32();
  for (let left = brokers; left > 0; left -= 1) {
    int32();
    text();
    int32();
    text();
  }
  return { brokers, clusterId: text() };
}

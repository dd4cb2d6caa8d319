import type { KafkaSettings } from '@elstream/change-stream-kafka';
import { readTls, type KafkaStream } from '@elstream/config';

/** How this process speaks to the brokers. Reads the files of `stream.tls`. Holds secrets. */
export function kafkaAccess({ brokers, clientId, tls, sasl }: Pick<KafkaStream, 'brokers' | 'clientId' | 'tls' | 'sasl'>): KafkaSettings {
  return { brokers, clientId, ...(tls === null ? {} : { tls: readTls(tls) }), ...(sasl === null ? {} : { sasl }) };
}

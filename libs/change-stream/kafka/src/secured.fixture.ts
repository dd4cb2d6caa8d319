import { type KafkaServer, startKafkaServer } from '@elstream/servers';
import { createAuthority } from './certificates.fixture';
import { type KafkaSettings } from './client';

export const PASSWORD = 'swordfish-1';

/** A broker that asks for certificates and logins, and what a client needs for it. */
export interface SecuredBroker {
  readonly server: KafkaServer;
  /** Of the authority that signed the broker's certificate. */
  readonly ca: string;
  /** A certificate that the listener MUTUAL takes. */
  readonly own: { readonly cert: string; readonly key: string };
  /** One that another authority signed. */
  readonly foreign: { readonly cert: string; readonly key: string };
  /** Starts it again with another password of the user `plain`. */
  changePassword(password: string): Promise<void>;
  at(listener: 'LOGIN' | 'MUTUAL' | 'PLAIN' | 'NONE'): Pick<KafkaSettings, 'brokers' | 'clientId'>;
}

/**
 * Listeners: LOGIN (TLS and any login), MUTUAL (TLS, our certificate is asked for), PLAIN (no TLS, the mechanism plain and no
 * other), NONE (asks for nothing). Users: `plain`, `scram-256`, `scram-512`, named by their mechanism, all with `PASSWORD`.
 */
export async function startSecuredBroker(): Promise<SecuredBroker> {
  const authority = createAuthority('elstream test authority');
  const broker = authority.certify('broker', ['127.0.0.1', 'localhost', 'broker.example']);
  const tls = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': broker.certificate,
    'ssl.keystore.key': broker.key,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': authority.certificate,
  };
  const users = (password: string) => ({ 'plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="${password}";` });
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const login: Record<string, string> = {
    ...tls,
    ...users(PASSWORD),
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'scram-sha-256.sasl.jaas.config': scram,
    'scram-sha-512.sasl.jaas.config': scram,
  };
  const server = await startKafkaServer({
    listeners: [
      { name: 'LOGIN', protocol: 'SASL_SSL', config: login },
      { name: 'MUTUAL', protocol: 'SSL', config: { ...tls, 'ssl.client.auth': 'required' } },
      { name: 'PLAIN', protocol: 'SASL_PLAINTEXT', config: { 'sasl.enabled.mechanisms': 'PLAIN', ...users(PASSWORD) } },
    ],
    scramUsers: [
      { mechanism: 'SCRAM-SHA-256', name: 'scram-256', password: PASSWORD },
      { mechanism: 'SCRAM-SHA-512', name: 'scram-512', password: PASSWORD },
    ],
  });
  const certified = (by: typeof authority) => {
    const { certificate, key } = by.certify('elstream', []);
    return { cert: certificate, key };
  };
  return {
    server,
    ca: authority.certificate,
    own: certified(authority),
    foreign: certified(createAuthority('another authority')),
    changePassword: (password) => {
      // The settings are written anew at each start.
      Object.assign(login, users(password));
      return server.restart();
    },
    at: (listener) => ({ brokers: [listener === 'NONE' ? server.brokers : server.brokersOf(listener)], clientId: 'spec' }),
  };
}

import { ElstreamError } from '@elstream/core';
import { readFileSync } from 'node:fs';

/** A certificate or key: the text itself, or the file that holds it. */
export type Pem = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'file'; readonly file: string };

/** TLS to the brokers; what is absent is left to Node (the system's authorities, the broker's host name). */
export interface KafkaTls {
  readonly ca?: Pem | undefined;
  readonly cert?: Pem | undefined;
  /** Secret. */
  readonly key?: Pem | undefined;
  readonly rejectUnauthorized: boolean;
  readonly servername?: string | undefined;
}

/** As `node:tls` takes them. */
export interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
}

const BEGIN = '-----BEGIN ';

/** `\n` written out stands for a line's end, since not every store of secrets keeps lines. */
export function pemOf(given: string): Pem {
  return given.includes(BEGIN) ? { kind: 'text', text: given.replaceAll('\\n', '\n') } : { kind: 'file', file: given };
}

/**
 * Reads the files, when connecting and not before: a file may be checked where they are not. Paths are relative to the
 * process's working directory. Throws `CONFIG_INVALID` (refuse) naming the setting.
 */
export function readTls({ ca, cert, key, rejectUnauthorized, servername }: KafkaTls): TlsTexts {
  return {
    rejectUnauthorized,
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: readPem(ca, 'ca') }),
    ...(cert === undefined ? {} : { cert: readPem(cert, 'cert') }),
    ...(key === undefined ? {} : { key: readPem(key, 'key') }),
  };
}

function readPem(pem: Pem, name: 'ca' | 'cert' | 'key'): string {
  if (pem.kind === 'text') return pem.text;
  const setting = `stream.tls.${name}`;
  const refuse = (what: string, cause?: unknown): ElstreamError =>
    new ElstreamError('CONFIG_INVALID', 'refuse', `${setting} ${what}; give the path of a PEM file that this process can read, or its text as \${NAME}`, { cause, place: { setting } });
  let text: string;
  try {
    text = readFileSync(pem.file, 'utf8');
  } catch (error) {
    throw refuse('names a file that cannot be read', error);
  }
  if (!text.includes(BEGIN)) throw refuse('names a file that holds no PEM');
  return text;
}

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A key and its certificate, both PEM. */
export interface Certified {
  readonly key: string;
  readonly certificate: string;
}

/** Signs certificates, as a company's own authority does. Made with Node alone: no machine need have a tool for it. */
export interface Authority {
  readonly certificate: string;
  /** @param names host names and IPv4 addresses that the certificate is for */
  certify(subject: string, names: readonly string[], validUntil?: Date): Certified;
}

const DAY_MS = 86_400_000;
/** ecdsa-with-SHA256 */
const ALGORITHM = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

export function createAuthority(name: string): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const make = (subject: string, key: KeyObject, extensions: readonly Buffer[], validUntil = new Date(Date.now() + DAY_MS)): string => {
    const validity = sequence(time(new Date(validUntil.getTime() - 3 * DAY_MS)), time(validUntil));
    const serial = tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)]));
    const spki = key.export({ type: 'spki', format: 'der' });
    const body = sequence(tlv(0xa0, tlv(0x02, Buffer.from([2]))), serial, ALGORITHM, named(name), validity, named(subject), spki, tlv(0xa3, sequence(...extensions)));
    return pem('CERTIFICATE', sequence(body, ALGORITHM, tlv(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]))));
  };
  return {
    certificate: make(name, publicKey, [extension(19, true, sequence(tlv(0x01, Buffer.from([0xff]))))]),
    certify: (subject, names, validUntil) => {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      return { key, certificate: make(subject, own.publicKey, [extension(17, false, sequence(...names.map(alternative)))], validUntil) };
    },
  };
}

function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 0x80 ? [content.length] : content.length < 0x100 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return tlv(0x30, ...contents);
}

function oid(...bytes: readonly number[]): Buffer {
  return tlv(0x06, Buffer.from(bytes));
}

/** A name of one part, the common name. */
function named(text: string): Buffer {
  return sequence(tlv(0x31, sequence(oid(0x55, 0x04, 0x03), tlv(0x0c, Buffer.from(text)))));
}

function time(at: Date): Buffer {
  return tlv(0x17, Buffer.from(`${at.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

/** @param number in 2.5.29 */
function extension(number: number, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(0x55, 0x1d, number), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));
}

function alternative(name: string): Buffer {
  return /^[\d.]+$/.test(name) ? tlv(0x87, Buffer.from(name.split('.').map(Number))) : tlv(0x82, Buffer.from(name));
}

function pem(kind: string, der: Buffer): string {
  return `-----BEGIN ${kind}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${kind}-----\n`;
}

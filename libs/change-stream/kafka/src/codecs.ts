import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { decompress as decompressZstdInJs } from 'fzstd';
import type * as Lz4 from 'lz4-napi';
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type * as Snappy from 'snappy';
import { ElstreamError } from '@elstream/core';

/** Node 22.15 and newer have zstd of their own, several times faster; Node 20's types do not know it. */
const native = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer; zstdDecompressSync?: (bytes: Uint8Array) => Buffer };

/** Both are native and made for one platform: loaded when a batch needs them, so that nothing else ends for want of them. */
const snappy = (): typeof Snappy => load('snappy') as typeof Snappy;
const lz4 = (): typeof Lz4 => load('lz4-napi') as typeof Lz4;

/** Found beside this file or the bundle it is in, where tools/bundle.mjs lays them; no bundler follows it. */
const requireHere = createRequire(__filename);

function load(name: 'snappy' | 'lz4-napi'): unknown {
  try {
    return requireHere(name);
  } catch (cause) {
    throw new ElstreamError('KAFKA_CODEC', 'stop', `a batch is packed with ${name === 'snappy' ? 'snappy' : 'lz4'}, whose package ${name} cannot be loaded here; install it for this platform beside the program (npm install ${name}); what is written from now on can do without by stream.compression: gzip`, { cause });
  }
}

/** How Java's Snappy streams begin; then two versions of 4 bytes each, then blocks of length and bytes. */
const JAVA_SNAPPY = Buffer.from('\x82SNAPPY\0', 'latin1');
const JAVA_SNAPPY_HEAD = 16;

/** Clients in Java write Snappy in blocks with a head, others (librdkafka among them) as one block without. */
export async function uncompressSnappy(bytes: Buffer): Promise<Buffer> {
  const { uncompress } = snappy();
  if (!bytes.subarray(0, JAVA_SNAPPY.length).equals(JAVA_SNAPPY)) return asBuffer(await uncompress(bytes));
  const blocks: Buffer[] = [];
  for (let at = JAVA_SNAPPY_HEAD; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    if (at > bytes.length) throw new ElstreamError('KAFKA_CODEC', 'stop', 'a Snappy block is longer than the batch that holds it');
    blocks.push(asBuffer(await uncompress(bytes.subarray(at - length, at))));
  }
  return Buffer.concat(blocks);
}

const asBuffer = (bytes: string | Buffer): Buffer => (typeof bytes === 'string' ? Buffer.from(bytes) : bytes);

function uncompressZstd(bytes: Buffer): Buffer {
  if (native.zstdDecompressSync) return native.zstdDecompressSync(bytes);
  const { buffer, byteOffset, byteLength } = decompressZstdInJs(bytes);
  return Buffer.from(buffer, byteOffset, byteLength);
}

function compressZstd(bytes: Buffer): Buffer {
  if (native.zstdCompressSync) return native.zstdCompressSync(bytes);
  throw new ElstreamError('KAFKA_CODEC', 'stop', 'writing zstd needs Node 22.15 or newer; choose another codec, or set compression.type=zstd on the topic');
}

/** kafkajs brings gzip; the others are added to its table, which is one for the process. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => ({ compress: ({ buffer }: Encoder) => snappy().compress(buffer), decompress: uncompressSnappy });
  CompressionCodecs[CompressionTypes.LZ4] = () => ({ compress: ({ buffer }: Encoder) => lz4().compressFrame(buffer), decompress: (bytes: Buffer) => lz4().decompressFrame(bytes) });
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({ compress: ({ buffer }: Encoder) => Promise.resolve(compressZstd(buffer)), decompress: (bytes: Buffer) => Promise.resolve(uncompressZstd(bytes)) });
}

/** kafkajs's, of which we need the bytes. */
interface Encoder {
  readonly buffer: Buffer;
}

import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { registerCodecs, uncompressSnappy } from './codecs';

/** kafkajs's types know a codec as a function of no known shape. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

const text = Buffer.from('what is written twice, what is written twice');

beforeAll(registerCodecs);

it.each([CompressionTypes.Snappy, CompressionTypes.LZ4])('codec %s unpacks what it has packed, its package loaded at its first use', async (type) => {
  const codec = (CompressionCodecs as Readonly<Record<number, () => Codec>>)[type]!();
  const packed = await codec.compress({ buffer: text });
  expect(packed.equals(text)).toBe(false);
  expect((await codec.decompress(packed)).equals(text)).toBe(true);
});

it("unpacks Snappy in the blocks of Java's streams, and refuses one that was cut", async () => {
  const codec = (CompressionCodecs as Readonly<Record<number, () => Codec>>)[CompressionTypes.Snappy]!();
  const block = await codec.compress({ buffer: text });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(block.length);
  const stream = Buffer.concat([Buffer.from('\x82SNAPPY\0', 'latin1'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1]), length, block, length, block]);
  expect((await uncompressSnappy(stream)).equals(Buffer.concat([text, text]))).toBe(true);
  await expect(uncompressSnappy(stream.subarray(0, -1))).rejects.toThrow('longer than the batch');
});

// node codecs-bundle.mjs <folder>: a program that packs and unpacks with each of Kafka's codecs, made as the services are.
import { build } from 'esbuild';
import path from 'node:path';
import { copyNatives, options } from '../../tools/bundle.mjs';
import { root } from '../../tools/lint/boundaries.mjs';

const program = `
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { registerCodecs } from './libs/change-stream/kafka/src/codecs';
registerCodecs();
const packed = { ZSTD: Buffer.from('KLUv/SACEQAAaGk=', 'base64') };
(async () => {
  for (const name of ['GZIP', 'Snappy', 'LZ4', 'ZSTD']) {
    const codec = CompressionCodecs[CompressionTypes[name]]();
    try {
      console.log(name, String(await codec.decompress(packed[name] ?? (await codec.compress({ buffer: Buffer.from('hi') })))));
    } catch (error) {
      console.log(name, error.code, error.message);
    }
  }
})();
`;
const outdir = process.argv[2];
await build({ ...options, stdin: { contents: program, resolveDir: root, sourcefile: 'codecs.ts', loader: 'ts' }, alias: { '@elstream/core': path.join(root, 'libs/core/src/index.ts') }, outfile: path.join(outdir, 'codecs.cjs'), outExtension: {} });
copyNatives(outdir);

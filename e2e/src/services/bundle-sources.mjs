// node bundle-sources.mjs <folder>: one file per service, made as for the image but straight from the TypeScript sources,
// so that a suite that starts processes by the dozen pays for compiling and resolving once, and never runs yesterday's
// build. SWC compiles each file first, with the settings of the tests: esbuild alone emits no decorator metadata.
import { transform } from '@swc/core';
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import preset from '../../../jest.preset.cjs';
import { bundles, copyNatives, options } from '../../../tools/bundle.mjs';
import { root } from '../../../tools/lint/boundaries.mjs';

const [, swc] = preset.transform['^.+\\.ts$'];
const sources = new Map(Object.entries(preset.moduleNameMapper).map(([pattern, file]) => [pattern.slice(1, -1), file]));

const fromSources = {
  name: 'sources',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@elstream\// }, ({ path: name }) => (sources.has(name) ? { path: sources.get(name) } : undefined));
    onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
      // Left as modules: esbuild makes the CommonJS, and drops what nobody imports.
      const { code } = await transform(await readFile(file, 'utf8'), { ...swc, module: { type: 'es6' }, sourceMaps: false, filename: file, root, configFile: false, swcrc: false });
      return { contents: code, loader: 'js' };
    });
  },
};

const entries = Object.entries(bundles).map(([name, built]) => [name, path.join(root, built.replace('/dist/', '/src/').replace(/\.js$/, '.ts'))]);
await build({ ...options, entryPoints: Object.fromEntries(entries), outdir: process.argv[2], plugins: [fromSources] });
copyNatives(process.argv[2]);

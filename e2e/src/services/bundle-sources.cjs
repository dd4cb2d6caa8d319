'use strict';
// node bundle-sources.cjs <folder>: one file per service, straight from the TypeScript sources, so that a suite that
// starts processes by the dozen pays for compiling and resolving once, and never runs yesterday's build. SWC compiles each
// file first, with the settings of the tests: esbuild alone emits no decorator metadata.
const { build } = require('esbuild');
const { readFileSync } = require('node:fs');
const { readFile } = require('node:fs/promises');
const { builtinModules } = require('node:module');
const path = require('node:path');
const { transform } = require('@swc/core');
const preset = require('../../../jest.preset.cjs');

const root = path.join(__dirname, '..', '..', '..');
const [, options] = preset.transform['^.+\\.ts$'];
const SERVICES = ['gateway', 'preloader', 'streamer', 'validator'];
const sources = new Map(Object.entries(preset.moduleNameMapper).map(([pattern, file]) => [pattern.slice(1, -1), file]));

const fromSources = {
  name: 'sources',
  setup(builder) {
    builder.onResolve({ filter: /^@elstream\// }, ({ path: name }) => (sources.has(name) ? { path: sources.get(name) } : undefined));
    builder.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
      if (file.includes('node_modules')) return undefined;
      // Left as modules: esbuild makes the CommonJS, and drops what nobody imports.
      const { code } = await transform(await readFile(file, 'utf8'), { ...options, module: { type: 'es6' }, filename: file, root, configFile: false, swcrc: false });
      return { contents: code, loader: 'js' };
    });
  },
};

/** Packages that others load if they are there: what is not installed stays a `require` that fails where it is tried. */
const optional = {
  name: 'optional',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path: name, resolveDir, pluginData, kind }) => {
      if (pluginData === 'asked' || name.startsWith('node:') || builtinModules.includes(name)) return undefined;
      return builder.resolve(name, { resolveDir, kind, pluginData: 'asked' }).then((found) => (found.errors.length > 0 ? { path: name, external: true } : found));
    });
  },
};

async function main(folder) {
  const version = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
  await build({
    entryPoints: Object.fromEntries(SERVICES.map((name) => [name, path.join(root, 'apps', name, 'src', 'main.ts')])),
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    keepNames: true,
    define: { 'import.meta.url': '__importMetaUrl' },
    banner: { js: `const __importMetaUrl = require('node:url').pathToFileURL(__filename).href; /* ${version} */` },
    plugins: [fromSources, optional],
    logLevel: 'error',
  });
}

main(process.argv[2]).catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

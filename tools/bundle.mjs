// npm run bundle: one CommonJS file per service for the image, dist-bundle/<name>.cjs, and beside them what cannot be
// in a file: they need Node of this platform and nothing else.
// tsc first (it emits the metadata Nest injects by; esbuild does not), then esbuild over its output.
//   --no-build   take the apps' dist folders as they are
//   --out <dir>  elsewhere than ./dist-bundle
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { root } from './lint/boundaries.mjs';

/** bundle → its entry. The names are the commands of image and manifests: `node gateway.cjs`. */
export const bundles = {
  gateway: 'apps/gateway/dist/main.js',
  preloader: 'apps/preloader/dist/main.js',
  streamer: 'apps/streamer/dist/main.js',
  validator: 'apps/validator/dist/main.js',
  migrate: 'apps/gateway/dist/migrate/main.js',
};

/**
 * What our dependencies can load but we neither use nor install: they ask for it at run time and go on without. Anything
 * else that cannot be resolved fails the bundling. TypeORM asks for its other drivers by names esbuild does not see.
 */
const optional = [
  '@fastify/static', '@grpc/grpc-js', '@grpc/proto-loader', '@nats-io/transport-node', '@nestjs/websockets', 'amqp-connection-manager', 'amqplib',
  'class-transformer', 'class-validator', 'mqtt', 'pg-native',
];

/**
 * Kafka's codecs are native: JavaScript that looks for a library of the platform among its optional dependencies. They
 * stay packages, in `node_modules` beside the bundles; the image is built where it runs, so npm has installed the right one.
 */
const natives = ['snappy', 'lz4-napi'];

/** Served by the gateway below /api/docs; nothing else of swagger-ui-dist is asked for. */
const swaggerAssets = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-standalone-preset.js', 'favicon-16x16.png', 'favicon-32x32.png', 'LICENSE', 'NOTICE'];

/**
 * Nest asks swagger-ui-dist for its folder through createRequire, which no bundler follows; the bundle has the assets in
 * `swagger-ui` beside it. (Never __dirname itself: it would serve the pipeline files below /api/docs.)
 */
const swaggerFolder = {
  name: 'swagger-folder',
  setup({ onLoad }) {
    onLoad({ filter: /@nestjs[\\/]swagger[\\/]dist[\\/]swagger-ui[\\/]swagger-ui\.js$/ }, ({ path: file }) => {
      const text = readFileSync(file, 'utf8');
      const contents = text.replace("require('swagger-ui-dist/absolute-path.js')()", "require('node:path').join(__dirname, 'swagger-ui')");
      if (contents === text) throw new Error(`${file} finds its assets in another way than tools/bundle.mjs knows; adapt swaggerFolder`);
      return { contents, loader: 'js' };
    });
  },
};

/** How every bundle of a service is made: for the image, and from the sources for suites that start services as processes. */
export const options = {
  absWorkingDir: root,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Nest's tokens and messages use class names.
  keepNames: true,
  legalComments: 'none',
  define: { 'import.meta.url': '__importMetaUrl' },
  banner: { js: 'const __importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  external: [...optional, ...natives].flatMap((name) => [name, `${name}/*`]),
  logLevel: 'warning',
};

export async function bundle(outdir) {
  rmSync(outdir, { recursive: true, force: true });
  const { metafile, warnings } = await build({
    ...options,
    entryPoints: bundles,
    outdir,
    // Positions of our sources in stack traces; the sources themselves stay at home.
    sourcemap: true,
    sourcesContent: false,
    plugins: [swaggerFolder],
    metafile: true,
  });
  if (warnings.length > 0) throw new Error('esbuild warned, see above: name what is optional in tools/bundle.mjs, install what is not');
  copySwaggerAssets(path.join(outdir, 'swagger-ui'));
  const copied = copyNatives(outdir);
  writeFileSync(path.join(outdir, 'THIRD_PARTY.txt'), licences([...Object.keys(metafile.inputs), ...copied.map((file) => `${path.relative(root, file)}/package.json`)]));
  return metafile;
}

/** Copies the natives with what is installed of their optional dependencies below `outdir`; the folders they come from. */
export function copyNatives(outdir) {
  const from = createRequire(path.join(root, 'libs/change-stream/kafka/package.json'));
  return natives.flatMap((name) => {
    const folder = packageFolder(from, name);
    const { optionalDependencies = {}, dependencies = {} } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    if (Object.keys(dependencies).length > 0) throw new Error(`${name} has dependencies now, which tools/bundle.mjs does not copy; adapt copyNatives`);
    const within = createRequire(path.join(folder, 'package.json'));
    const libraries = Object.keys(optionalDependencies).map((library) => [library, packageFolder(within, library)]).filter(([, at]) => at !== undefined);
    if (libraries.length === 0) throw new Error(`${name} has no library for ${process.platform}-${process.arch}: run npm ci on this platform`);
    const packages = [[name, folder], ...libraries];
    for (const [as, at] of packages) cpSync(at, path.join(outdir, 'node_modules', as), { recursive: true, dereference: true });
    return packages.map(([, at]) => at);
  });
}

/** Where a package is installed; packages need not export their package.json. Undefined: it is not. */
function packageFolder(from, name) {
  return from.resolve.paths(name).map((folder) => path.join(folder, name)).find((folder) => existsSync(path.join(folder, 'package.json')));
}

function copySwaggerAssets(to) {
  const from = path.dirname(createRequire(createRequire(path.join(root, 'apps/gateway/package.json')).resolve('@nestjs/swagger')).resolve('swagger-ui-dist/package.json'));
  mkdirSync(to, { recursive: true });
  for (const asset of swaggerAssets) copyFileSync(path.join(from, asset), path.join(to, asset));
}

/** The licence texts of all packages inside the bundles: their terms ask that these go along. */
function licences(inputs) {
  const folders = new Set(inputs.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []));
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    const text = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license', 'license.md', 'License'].flatMap((file) => tryRead(path.join(root, folder, file)))[0];
    return `${name} ${version} (${typeof license === 'string' ? license : 'see below'})\n\n${text ?? 'no licence text in the package'}\n`;
  }).join(`\n${'-'.repeat(80)}\n\n`);
}

function tryRead(file) {
  try {
    return [readFileSync(file, 'utf8')];
  } catch {
    return [];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const at = args.indexOf('--out');
  const outdir = path.resolve(at === -1 ? path.join(root, 'dist-bundle') : args[at + 1]);
  if (!args.includes('--no-build')) {
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const projects = [...new Set(Object.values(bundles).map((entry) => entry.split('/dist/')[0]))];
    const { status } = spawnSync(process.execPath, [tsc, '-b', ...projects], { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(1);
  }
  const { outputs } = await bundle(outdir);
  for (const name of Object.keys(bundles)) {
    const [, { bytes }] = Object.entries(outputs).find(([file]) => file.endsWith(`/${name}.cjs`));
    console.error(`${path.join(outdir, `${name}.cjs`)}: ${(bytes / 1e6).toFixed(1)} MB`);
  }
}

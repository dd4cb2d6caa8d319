// node tools/run-app.mjs <app> [args]: builds what the app needs (incrementally, output on stderr), then becomes the app
// as far as arguments, streams, signals and exit code go.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './lint/boundaries.mjs';

/** app → its project and its entry in the project's dist. */
const apps = {
  demo: ['apps/standalone', 'demo/main.js'],
  start: ['apps/standalone', 'start/main.js'],
  bench: ['bench', 'main.js'],
  sabotage: ['e2e', 'sabotage/main.js'],
  chaos: ['e2e', 'chaos/main.js'],
  model: ['e2e', 'model/main.js'],
  servers: ['libs/servers', 'set/main.js'],
};

const [name, ...args] = process.argv.slice(2);
const app = Object.hasOwn(apps, name ?? '') ? apps[name] : undefined;
if (!app) {
  console.error(`usage: node tools/run-app.mjs ${Object.keys(apps).join('|')} [args]`);
  process.exit(2);
}
const [project, file] = app;

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
// stdout belongs to the app: the compiler's goes to stderr.
const build = spawnSync(process.execPath, [tsc, '-b', project], { cwd: root, stdio: ['ignore', 2, 2] });
if (build.status !== 0) {
  console.error(`${project} does not build; nothing was started`);
  process.exit(1);
}
const entry = path.join(root, project, 'dist', file);
if (!existsSync(entry)) {
  console.error(`${name} is not there yet: ${project}/src/${file.replace(/\.js$/, '.ts')} does not exist`);
  process.exit(1);
}

const child = spawn(process.execPath, ['--enable-source-maps', entry, ...args], { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    // Ctrl-C in a terminal reaches the whole foreground group: the child has had it already.
    if (!(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(signal);
  });
}
child.once('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
child.once('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  // Ended by a signal: end the same way, so that the caller sees it.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

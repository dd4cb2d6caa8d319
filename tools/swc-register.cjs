'use strict';
// `node -r ./tools/swc-register.cjs file.ts`: runs our TypeScript sources as they are, so that a process that a test starts
// needs no build and never runs yesterday's. Same compiler settings as jest.preset.cjs. What was compiled is kept by
// content, and the compiler loaded only for what was not, because such processes start by the hundred.
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { version } = require('@swc/core/package.json');
const preset = require('../jest.preset.cjs');

const root = path.join(__dirname, '..');
const cache = path.join(root, 'node_modules', '.cache', 'elstream-sources');
const [, options] = preset.transform['^.+\\.ts$'];
const settings = JSON.stringify({ version, options });
const entries = new Map(Object.entries(preset.moduleNameMapper).map(([pattern, file]) => [pattern.slice(1, -1), file]));

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolveFilename.call(this, entries.get(request) ?? request, ...rest);
};

function compiled(filename) {
  const source = readFileSync(filename, 'utf8');
  const kept = path.join(cache, `${createHash('sha256').update(settings).update(filename).update('\0').update(source).digest('hex')}.js`);
  try {
    return readFileSync(kept, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const { code } = require('@swc/core').transformSync(source, { ...options, filename, root, configFile: false, swcrc: false });
  mkdirSync(cache, { recursive: true });
  // Whole or not at all: others may be looking, and we may be killed.
  const half = `${kept}.${process.pid}`;
  writeFileSync(half, code);
  renameSync(half, kept);
  return code;
}

Module._extensions['.ts'] = (module, filename) => module._compile(compiled(filename), filename);

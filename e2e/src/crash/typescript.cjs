'use strict';
// node --require: runs the workspace's TypeScript sources as they are, so that a suite's child process needs no build
// and never runs yesterday's. What was compiled is kept by content, because children start by the dozen.
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { transformSync, version } = require('@swc/core');
const preset = require('../../../jest.preset.cjs');

const root = path.join(__dirname, '..', '..', '..');
const cache = path.join(root, 'node_modules', '.cache', 'elstream-children');
const [, options] = preset.transform['^.+\\.ts$'];
mkdirSync(cache, { recursive: true });

const entries = new Map(Object.entries(preset.moduleNameMapper).map(([pattern, file]) => [pattern.slice(1, -1), file]));
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, entries.get(request) ?? request, ...rest);
};

Module._extensions['.ts'] = (module, file) => {
  const source = readFileSync(file, 'utf8');
  const kept = path.join(cache, `${createHash('sha256').update(version).update(file).update(source).digest('hex')}.js`);
  if (!existsSync(kept)) {
    const { code } = transformSync(source, { ...options, filename: file, swcrc: false, configFile: false });
    const half = `${kept}.${process.pid}`;
    writeFileSync(half, code);
    renameSync(half, kept);
  }
  module._compile(readFileSync(kept, 'utf8'), file);
};

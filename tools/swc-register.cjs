'use strict';
// `node -r ./tools/swc-register.cjs file.ts`: runs our TypeScript sources without a build, for helpers of the tests that
// start before anything is compiled. Same compiler settings as jest.preset.cjs.
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const root = path.join(__dirname, '..');
const preset = require('../jest.preset.cjs');
const [, options] = preset.transform['^.+\\.ts$'];
const entries = Object.entries(preset.moduleNameMapper).map(([pattern, file]) => [new RegExp(pattern), file]);

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  const own = request.startsWith('@elstream/') ? entries.find(([pattern]) => pattern.test(request)) : undefined;
  return resolveFilename.call(this, own ? own[1] : request, ...rest);
};

Module._extensions['.ts'] = (module, filename) => {
  const { transformSync } = require('@swc/core');
  const { code } = transformSync(readFileSync(filename, 'utf8'), { ...options, filename, root, configFile: false, swcrc: false });
  module._compile(code, filename);
};

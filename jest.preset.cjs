'use strict';
// One preset for every project. Tests run from TypeScript sources (no build needed): SWC compiles ours to CommonJS and
// down-levels the ESM-only Nest packages, which Jest cannot `require` on Node 20.
const { readFileSync } = require('node:fs');
const path = require('node:path');

const swc = (parser, transform, { ignoreDynamic = true } = {}) => [
  '@swc/jest',
  {
    jsc: { target: 'es2022', keepClassNames: true, parser, ...(transform ? { transform } : {}) },
    module: { type: 'commonjs', ignoreDynamic },
    sourceMaps: 'inline',
  },
];

/** `@elstream/<name>` → the project's source entry, for every workspace project. */
function sourceEntries() {
  const { workspaces } = JSON.parse(readFileSync(path.join(__dirname, 'package.json'), 'utf8'));
  const entries = {};
  for (const dir of workspaces) {
    const { name } = JSON.parse(readFileSync(path.join(__dirname, dir, 'package.json'), 'utf8'));
    entries[`^${name}$`] = path.join(__dirname, dir, 'src', 'index.ts');
  }
  return entries;
}

const esmOnly = ['@nestjs', 'file-type', 'strtok3', 'token-types', 'uint8array-extras', '@tokenizer', '@borewit', 'peek-readable'];

module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  transform: {
    '^.+\\.ts$': swc(
      { syntax: 'typescript', decorators: true, dynamicImport: true },
      { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    ),
    // Nest loads its microservices by `import()`, which Jest's realm cannot do: it becomes a `require` as well.
    '^.+\\.m?js$': swc({ syntax: 'ecmascript' }, undefined, { ignoreDynamic: false }),
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  moduleNameMapper: sourceEntries(),
  passWithNoTests: true,
  setupFiles: [path.join(__dirname, 'tools', 'jest', 'realm.cjs')],
  setupFilesAfterEnv: [path.join(__dirname, 'tools', 'jest', 'needs.cjs')],
  reporters: ['default', path.join(__dirname, 'tools', 'jest', 'reporter.cjs')],
  // nx runs two projects at a time: half the cores each.
  maxWorkers: '50%',
  testTimeout: 60_000,
};

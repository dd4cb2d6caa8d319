const preset = require('../../jest.preset.cjs');

// The exporter loads `http` by import(), which Jest cannot do on Node 20: SWC makes it a require.
const exporter = '/node_modules/@opentelemetry/otlp-exporter-base/';

module.exports = {
  ...preset,
  rootDir: __dirname,
  displayName: 'observability',
  transform: {
    [`${exporter}.+\\.js$`]: ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } }, module: { type: 'commonjs' } }],
    ...preset.transform,
  },
  transformIgnorePatterns: preset.transformIgnorePatterns.map((pattern) => pattern.replace('(?!(', '(?!(@opentelemetry/otlp-exporter-base|')),
};

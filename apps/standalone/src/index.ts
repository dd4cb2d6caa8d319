export { type EmbeddedDatabases, type EmbeddedOptions, type Side, startEmbeddedDatabases } from './embedded';
export { type SampleSize, seedSample } from './sample';
export { type Standalone, type StandaloneOptions, startStandalone } from './standalone';

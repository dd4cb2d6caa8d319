export { checkConnections } from './check-pipeline';
export { createRuntime } from './create-runtime';
export type { Runtime, RuntimeSettings } from './runtime';

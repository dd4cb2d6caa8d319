export { checkConnections } from './check-pipeline';
export { createRuntime } from './create-runtime';
export type { Runtime, RuntimeSettings } from './runtime';
export { ServiceHost } from './service-host';
export { serviceMain, type RunningApplication } from './service-main';

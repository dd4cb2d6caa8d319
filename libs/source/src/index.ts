export * from './chunk-rows';
export * from './copied-history';
export * from './selection';
export * from './source-database';

export * from './source-database';

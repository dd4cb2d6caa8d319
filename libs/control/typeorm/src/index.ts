export { type ControlStoreOptions, createControlStore } from './create-control-store';
export { controlEntities } from './entities';
export { controlDataSourceOptions, controlMigrations } from './migrate';

export { type ControlStoreOptions, createControlStore } from './create-control-store';
export { controlEntities, controlEntitiesFor } from './entities';
export { controlDataSourceOptions, controlDataSourceOptionsFor, controlMigrations, mssqlControlMigrations } from './migrate';

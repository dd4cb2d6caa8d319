export { createPostgresWarehouse, type PostgresWarehouseOptions } from './postgres-warehouse';
export { EPOCH_COLUMN, POSITION_COLUMN } from './target';

export { createMssqlWarehouse, type MssqlWarehouseOptions } from './mssql-warehouse';
export { EPOCH_COLUMN, POSITION_COLUMN } from './target';

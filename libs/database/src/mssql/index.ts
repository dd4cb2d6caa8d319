export { parseMssqlUrl, type MssqlConnection } from './connection';
export { connectMssql, mssqlConfig, mssqlOf, useMssql, type Mssql } from './data-source';
export { classifyMssqlError, isMssqlError } from './errors';
export { DATABASE_IDENTITY, readMssqlIdentity } from './identity';
export type { BulkColumn, BulkTable, TSql, TSqlSession } from './gate';
export { CDC_LSN_BYTES, cdcLsnOfBytes, formatCdcLsn, parseCdcLsn, parseNumericLsn } from './lsn';
export { END_TRANSACTION, transactionSets } from './one-batch';
export { t, type MssqlParam, type MssqlParams } from './parameters';
export { bracket, bracketTable, nString } from './sql';

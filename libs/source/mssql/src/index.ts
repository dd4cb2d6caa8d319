export { createMssqlSource, type MssqlSourceOptions } from './mssql-source';

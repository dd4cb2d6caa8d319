export { createMssqlCapture, DEFAULT_ROLE, type MssqlCaptureOptions } from './mssql-capture';

export { createPostgresStream, type PostgresStreamOptions } from './postgres-stream';
export { createPostgresCapture, type PostgresCaptureOptions } from './capture/postgres-capture';

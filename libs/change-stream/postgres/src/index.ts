export { createPostgresStream, type PostgresStreamOptions } from './postgres-stream';

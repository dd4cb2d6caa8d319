export { type CapturingLogger, type LogLine, capturingLogger } from './capturing-logger';
export { type EventuallyOptions, eventually } from './eventually';
export { type OwnServer, startOwnServer } from './own-server';
export { OWN_TYPES, POSTGRES_TYPES, TYPE_ROWS, type PostgresType, createTypesTable, insertTypeRows, rotateTypeRows } from './postgres-types';
export { type RowDifferences, type RowsOf, compareRows, expectSameRows } from './same-rows';
export { SeededRandom, forEachSeed } from './seeded-random';
export { type RedisServer, type RedisServerOptions, type TestRedis, createTestRedis, startOwnRedis, testRedisUrl } from './test-redis';
export { type TestDatabase, connectTo, createTestDatabase, testServerUrl } from './test-database';
export { type Lease, acquireTestServer } from './test-server/lease';

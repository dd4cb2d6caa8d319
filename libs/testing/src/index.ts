export { type CapturingLogger, type LogLine, capturingLogger } from './capturing-logger';
export { type EventuallyOptions, eventually } from './eventually';
export { type OwnServer, startOwnServer } from './own-server';
export { type RowDifferences, type RowsOf, compareRows, expectSameRows } from './same-rows';
export { SeededRandom, forEachSeed } from './seeded-random';
export { type TestDatabase, connectTo, createTestDatabase, testServerUrl } from './test-database';
export { type Lease, acquireTestServer } from './test-server/lease';

import { silentLogger } from '@elstream/core';
import { jobQueueContract } from '@elstream/jobs';
import { startRedisServer, type RedisServer } from '@elstream/servers';
import { createBullMqQueue } from './index';

let server: RedisServer;
let prefixes = 0;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.stop();
});

jobQueueContract('BullMQ on Redis', async () => {
  prefixes += 1;
  return createBullMqQueue({ redis: { url: server.url, sentinel: null, tlsCaFile: null, prefix: `contract${String(prefixes)}` }, logger: silentLogger, leaseMs: 2_000 });
});

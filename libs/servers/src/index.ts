export { type FindOptions, findRedisServer } from './find-redis';
export { redisCommand } from './resp';
export { type RedisServer, type RedisServerOptions, startRedisServer } from './redis-server';

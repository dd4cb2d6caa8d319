export { checkRedis } from './check-redis';
export { type OpenRedisOptions, closeRedis, openRedis, withRedis } from './open-redis';
export { redisError } from './redis-error';
export { type RedisUse, redisOptions } from './redis-options';
export { type Throttle, throttle } from './throttle';

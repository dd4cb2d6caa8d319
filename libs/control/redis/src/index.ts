export { type RedisBusOptions, createRedisBus } from './redis-bus';

export { type InProcessQueueOptions, createInProcessQueue } from './in-process-queue';

export { type BullMqQueueOptions, createBullMqQueue } from './bullmq-queue';

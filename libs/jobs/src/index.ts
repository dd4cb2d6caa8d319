export { jobQueueContract } from './contract/job-queue-contract';
export * from './job-queue';

export * from './change-stream';

export * from './change-batch.context';
export * from './change-batch.controller';
export * from './change-stream.strategy';
export * from './streamer.module';

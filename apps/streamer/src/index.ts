export * from './streamer.module';

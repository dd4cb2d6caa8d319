import 'reflect-metadata';
import { createServiceApp, serviceMain } from '@elstream/runtime';
import { connectChangeStreams, StreamerModule } from './streamer.module';

void serviceMain('streamer', ({ runtime, server }) => createServiceApp([StreamerModule.forRuntime(runtime)], { runtime, server, prepare: connectChangeStreams })).then((code) => process.exit(code));

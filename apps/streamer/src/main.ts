import 'reflect-metadata';
import { createServiceApp, serviceMain } from '@elstream/runtime';
import { StreamerModule } from './streamer.module';

void serviceMain('streamer', ({ runtime, server }) => createServiceApp([StreamerModule.forRuntime(runtime)], { runtime, server })).then((code) => process.exit(code));

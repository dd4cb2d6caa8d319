import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serviceMain } from '@elstream/runtime';
import { StreamerModule } from './streamer.module';

void serviceMain('streamer', (runtime) => NestFactory.createApplicationContext(StreamerModule.forRuntime(runtime), { logger: false, abortOnError: false })).then((code) => process.exit(code));

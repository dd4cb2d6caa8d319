import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serviceMain } from '@elstream/runtime';
import { PreloaderModule } from './preloader.module';

void serviceMain('preloader', (runtime) => NestFactory.createApplicationContext(PreloaderModule.forRuntime(runtime, { plan: true }), { logger: false, abortOnError: false })).then((code) => process.exit(code));

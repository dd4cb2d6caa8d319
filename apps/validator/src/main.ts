import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serviceMain } from '@elstream/runtime';
import { ValidatorModule } from './validator.module';

void serviceMain('validator', (runtime) => NestFactory.createApplicationContext(ValidatorModule.forRuntime(runtime, { plan: true }), { logger: false, abortOnError: false })).then((code) => process.exit(code));

import 'reflect-metadata';
import { createServiceApp, serviceMain } from '@elstream/runtime';
import { ValidatorModule } from './validator.module';

void serviceMain('validator', ({ runtime, server }) => createServiceApp([ValidatorModule.forRuntime(runtime)], { runtime, server })).then((code) => process.exit(code));

import 'reflect-metadata';
import { migrateMain } from '@elstream/runtime';

void migrateMain().then((code) => process.exit(code));

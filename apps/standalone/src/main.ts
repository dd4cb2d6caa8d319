import 'reflect-metadata';
import { live } from './life';

void live(process.argv.slice(2)).then((code) => process.exit(code));

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withMetrics } from './metrics-document';

// Writes the table of metrics anew: `npm run docs -w @elstream/observability`.
const file = path.join(__dirname, '..', '..', '..', 'docs', 'observability.md');
writeFileSync(file, withMetrics(readFileSync(file, 'utf8')));

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { settingsDocuments } from './documents';

// Writes docs/ anew: `npm run docs -w @elstream/config`.
const folder = path.join(__dirname, '..', '..', '..', 'docs');
mkdirSync(folder, { recursive: true });
for (const [name, text] of settingsDocuments()) writeFileSync(path.join(folder, name), text);

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openApiDocument } from './openapi-file';

/** Remakes docs/openapi.json: `npm run openapi -w @elstream/gateway`. */
void openApiDocument().then((document) => {
  writeFileSync(path.join(__dirname, '..', '..', '..', 'docs', 'openapi.json'), document);
});

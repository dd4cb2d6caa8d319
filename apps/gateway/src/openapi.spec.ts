import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openApiDocument } from './openapi-file';

test('docs/openapi.json is what the code says; if not: npm run openapi -w @elstream/gateway', async () => {
  const file = path.join(__dirname, '..', '..', '..', 'docs', 'openapi.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(await openApiDocument()));
});

test('every reference in it leads somewhere, and every operation documents its problems', async () => {
  const text = await openApiDocument();
  const document = JSON.parse(text) as { paths: Record<string, Record<string, { responses: object; operationId: string }>>; components: { schemas: object } };
  const referred = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(referred));
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(operations.length).toBeGreaterThan(15);
  for (const operation of operations) expect(operation.responses).toHaveProperty('default');
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
});

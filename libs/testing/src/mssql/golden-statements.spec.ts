import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { goldenStatements } from './golden-statements';

const dirname = mkdtempSync(path.join(tmpdir(), 'golden-'));
mkdirSync(path.join(dirname, 'golden'));
writeFileSync(path.join(dirname, 'golden', 'one.sql'), 'SELECT 1 AS one;\n');
writeFileSync(path.join(dirname, 'golden', 'documented.sql'), '-- https://learn.microsoft.com/sql/t-sql\nSELECT 2 AS two;\n');
afterAll(() => rmSync(dirname, { recursive: true }));

goldenStatements(dirname, [
  { name: 'one', sql: 'SELECT 1 AS one;' },
  { name: 'documented', sql: 'SELECT 2 AS two;\n', docs: 'https://learn.microsoft.com/sql/t-sql' },
]);

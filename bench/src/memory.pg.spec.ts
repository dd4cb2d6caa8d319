import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTestDatabase } from '@elstream/testing';
import { createEvents } from './event-table';
import { measurePeaks } from './memory';
import { Product } from './product';
import { withClient } from './sql';

const LIMIT = 400 * 1024 * 1024;
const ROWS = 200_000;
const TRANSACTION = 100_000;

test(`a run over ${String(ROWS)} rows and a transaction of ${String(TRANSACTION)} stay below 400 MiB`, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-memory-'));
  await using source = await createTestDatabase('src');
  await using warehouse = await createTestDatabase('wh');
  try {
    await withClient(source.url, (client) => createEvents(client, ROWS));
    // From sources, so that no build is needed.
    const root = path.join(__dirname, '..', '..');
    const entry = ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(root, 'apps', 'standalone', 'src', 'main.ts')];
    const urls = { sourceUrl: source.url, warehouseUrl: warehouse.url };
    const product = await Product.start({ ...urls, folder, entry, pipeline: '', nodeOptions: '', verbose: false });
    try {
      const peaks = await measurePeaks(product, { ...urls, transaction: TRANSACTION });
      expect(peaks.run).toBeLessThan(LIMIT);
      expect(peaks.transaction).toBeLessThan(LIMIT);
      expect(Math.min(peaks.run, peaks.transaction)).toBeGreaterThan(0);
    } finally {
      await product[Symbol.asyncDispose]();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Outside of the repository: what is not in the folder is found nowhere. */
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-codecs-'));
  await run(process.execPath, [path.join(__dirname, 'codecs-bundle.mjs'), folder]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const answers = async (): Promise<string[]> => (await run(process.execPath, ['codecs.cjs'], { cwd: folder, env: { NODE_NO_WARNINGS: '1' } })).stdout.trim().split('\n');

it('bundles made for the image know each codec of Kafka with nothing installed', async () => {
  expect(await answers()).toEqual(['GZIP hi', 'Snappy hi', 'LZ4 hi', 'ZSTD hi']);
  expect(readdirSync(path.join(folder, 'node_modules'))).toEqual(expect.arrayContaining(['lz4-napi', 'snappy']));
});

it('without the native packages the others work, and those two name themselves and what to do', async () => {
  rmSync(path.join(folder, 'node_modules'), { recursive: true });
  expect(existsSync(path.join(folder, 'node_modules'))).toBe(false);
  expect(await answers()).toEqual([
    'GZIP hi',
    expect.stringMatching(/^Snappy KAFKA_CODEC a batch is packed with snappy, whose package snappy cannot be loaded here; install it for this platform/),
    expect.stringMatching(/^LZ4 KAFKA_CODEC a batch is packed with lz4, whose package lz4-napi cannot be loaded here; install it for this platform/),
    'ZSTD hi',
  ]);
});

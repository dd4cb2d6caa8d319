import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findDockerCompose } from './docker-compose';
import { findKustomize } from './kustomize';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-tools-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program on a search path of its own that only prints. */
function fake(name: string, prints: string): string {
  const at = path.join(folder, name);
  writeFileSync(at, `#!/bin/sh\necho '${prints}'\n`, { mode: 0o755 });
  return at;
}
const look = (): { searchPath: string; cacheDir: string; fetch: boolean } => ({ searchPath: folder, cacheDir: path.join(folder, 'cache'), fetch: false });

it('takes a kustomize of PATH before the one inside kubectl', async () => {
  fake('kubectl', 'Kustomize Version: v5.5.0');
  const kustomize = fake('kustomize', 'v5.8.1');
  expect(await findKustomize(look())).toEqual([kustomize, 'build']);
});

it('passes over a kustomize that is too old', async () => {
  fake('kustomize', '{Version:kustomize/v4.5.7}');
  const kubectl = fake('kubectl', 'Client Version: v1.32.4 Kustomize Version: v5.5.0');
  expect(await findKustomize(look())).toEqual([kubectl, 'kustomize']);
});

it('says what to install where there is no kustomize', async () => {
  fake('kubectl', 'Client Version: v1.25.0 Kustomize Version: v4.5.7');
  await expect(findKustomize(look())).rejects.toThrow(/no kustomize 5 or newer: put kustomize, or a kubectl of 1\.27 or newer, on PATH/);
});

it('takes docker with its plugin before docker-compose', async () => {
  const program = fake('docker-compose', 'docker-compose version 1.29.2');
  expect(await findDockerCompose(look())).toEqual([program]);
  const docker = fake('docker', 'Docker Compose version v2.39.4');
  expect(await findDockerCompose(look())).toEqual([docker, 'compose']);
});

it('says what to install where there is no Compose', async () => {
  await expect(findDockerCompose(look())).rejects.toThrow(/no docker-compose: put docker-compose, or docker with its compose plugin, on PATH/);
});

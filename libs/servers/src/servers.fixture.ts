import { sleep } from '@elstream/core';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A scratch folder that any account can reach, gone at the end of `using`. */
export function scratchFolder(): { path: string } & Disposable {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-servers-'));
  chmodSync(folder, 0o755);
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** A program of the given name that runs `script`. */
export function program(folder: string, name: string, script: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

/** Waits until `condition` holds; @elstream/testing, which has more of this, is built on this project. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, patienceMs = 30_000): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !(await condition()); await sleep(25)) if (Date.now() > deadline) throw new Error(`not within ${String(patienceMs / 1_000)} s: ${what}`);
}

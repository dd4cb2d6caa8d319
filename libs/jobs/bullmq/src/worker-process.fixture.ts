// A worker in a process of its own, for tests that stop or starve it: `node -r swc-register worker-process.fixture.ts <url> <prefix> <leaseMs>`.
// Says a line for each thing that happens; dies of an unhandled rejection, as any Node process does.
import { sleep, type Logger } from '@elstream/core';
import readline from 'node:readline';
import { createBullMqQueue } from './index';

const [url = '', prefix = '', leaseMs = '1000'] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const log = (level: string) => (fields: unknown, message: string) => say(`log ${level} ${message} ${JSON.stringify(fields)}`);
const logger: Logger = { child: () => logger, debug: () => undefined, info: log('info'), warn: log('warn'), error: log('error') };
const queue = createBullMqQueue({ redis: { url, sentinel: null, tlsCaFile: null, prefix }, logger, leaseMs: Number(leaseMs) });

let release = new AbortController();
const worker = queue.work('preload', { concurrency: 3, backoff: { minMs: 10, maxMs: 50 } }, async (job) => {
  say(`took ${job.taskId}`);
  if (job.taskId.startsWith('hold')) await sleep(600_000, release.signal);
  say(`done ${job.taskId}`);
});
const repeat = queue.repeat('r', 50, async () => say('tick'));

readline.createInterface({ input: process.stdin }).on('line', (command) => {
  if (command === 'release') {
    release.abort();
    release = new AbortController();
  }
  if (command === 'health') say(`healthy ${String(worker.healthy() && repeat.healthy())}`);
  if (command === 'close') {
    release.abort();
    void queue.close().then(() => {
      say('closed');
      process.stdin.destroy();
    });
  }
});

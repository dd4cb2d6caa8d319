import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { errnoOf, failure } from './failure';

const LOWEST = 20_000;

/**
 * A port on 127.0.0.1 that was free a moment ago and that the system gives to no outgoing connection: a server of ours
 * finds it free again after a restart, and a client that keeps trying while it is down cannot be connected to itself.
 */
export async function freePort(): Promise<number> {
  const end = firstEphemeral();
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(LOWEST, Math.max(end, LOWEST + 1_000));
    if (await canListen(port)) return port;
  }
  throw failure(`no free port on 127.0.0.1 among ${String(LOWEST)} to ${String(end)}`);
}

function firstEphemeral(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    // Not Linux: the others' usual ranges begin higher still.
    return 32_768;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => (['EADDRINUSE', 'EACCES'].includes(errnoOf(error) ?? '') ? resolve(false) : reject(error)));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

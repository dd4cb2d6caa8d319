import path from 'node:path';
import { type Ended, run } from '../run';
import { scratchFolder } from '../servers.fixture';

const register = path.join(__dirname, '..', '..', '..', '..', 'tools', 'swc-register.cjs');

/** The command as a person runs it, with VAR_DIR `folder`. */
export function servers(folder: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { REDIS_URL: _redis, KAFKA_BROKERS: _brokers, CONNECT_URL: _connect, ...env } = process.env;
  return run(process.execPath, ['-r', register, path.join(__dirname, 'main.ts'), ...args], { env: { ...env, VAR_DIR: folder, ...more } });
}

/** All servers of a folder go with it, whatever became of the test. */
export function servingFolder(): { path: string } & AsyncDisposable {
  const folder = scratchFolder();
  return {
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      await servers(folder.path, ['down', '--delete']);
      folder[Symbol.dispose]();
    },
  };
}

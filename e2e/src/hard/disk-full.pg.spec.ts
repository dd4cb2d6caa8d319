import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually, startOwnServer, type OwnServer, type TestDatabase } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, startWriter, twoDatabases } from '../../../libs/runtime/src/pipeline.fixture';

/** A disk that is full until somebody makes room. */
interface FullDisk {
  fill(warehouse: TestDatabase): Promise<void>;
  makeRoom(): Promise<void>;
  remove(): void;
}

/** A file system of a few megabytes under the warehouse's tables; needs the right to mount. */
function smallFileSystem(server: OwnServer): FullDisk | null {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-disk-'));
  chmodSync(folder, 0o755);
  const disk = path.join(folder, 'disk');
  mkdirSync(disk);
  const mount = (...args: string[]): void => {
    execFileSync('mount', [...args, disk], { stdio: 'ignore' });
  };
  try {
    mount('-t', 'tmpfs', '-o', 'size=6m', 'tmpfs');
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  const { uid, gid } = statSync(server.dataDir);
  const space = path.join(disk, 'space');
  mkdirSync(space);
  chownSync(space, uid, gid);
  return {
    fill: async (warehouse) => {
      await warehouse.query(`CREATE TABLESPACE small LOCATION '${space}'`);
      await warehouse.query(`ALTER DATABASE ${warehouse.name} SET default_tablespace = 'small'`);
    },
    makeRoom: async () => {
      mount('-o', 'remount,size=256m');
      await Promise.resolve();
    },
    remove: () => {
      execFileSync('umount', ['-l', disk], { stdio: 'ignore' });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Without the right to mount: making a target table says what a full disk says (SQLSTATE 53100). */
function sayingFull(): FullDisk {
  let filled: TestDatabase | null = null;
  return {
    fill: async (warehouse) => {
      filled = warehouse;
      await warehouse.query(`CREATE FUNCTION full_disk() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
          IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name = 'public') THEN RAISE 'could not extend file' USING ERRCODE = '53100'; END IF; END$$`);
      await warehouse.query(`CREATE EVENT TRIGGER full_disk ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION full_disk()`);
    },
    makeRoom: async () => {
      await filled?.query('DROP EVENT TRIGGER full_disk');
    },
    remove: () => undefined,
  };
}

describe('a warehouse whose disk is full', () => {
  it('says so, goes on by itself once there is room, and has lost nothing', async () => {
    const server = await startOwnServer();
    const disk = smallFileSystem(server) ?? sayingFull();
    try {
      await using databases = await twoDatabases({ warehouse: server });
      await createItems(databases.source, 60_000);
      await disk.fill(databases.warehouse);
      await using pipeline = await startPipeline(databases, ['public.item'], '\ndefaults: { chunkRows: 5000 }\n');
      const { id } = await pipeline.startRun();
      const writer = startWriter(databases.source);
      await eventually(() => pipeline.logger.text().includes('free disk space on the database server'), { describe: 'word of the full disk' });
      expect((await pipeline.runtime.store.readRun(id))?.finishedAt).toBeNull();
      await disk.makeRoom();
      await pipeline.runEnds(id);
      await writer.stop();
      await becomesEqual(databases, 'public.item', ITEM);
    } finally {
      await server.stop();
      disk.remove();
    }
  });
});

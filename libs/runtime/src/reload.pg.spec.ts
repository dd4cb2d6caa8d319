import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pipelineFiles } from '@elstream/config';
import { createMetrics } from '@elstream/observability';
import { createPlanner, createStreamer, createTaskWorker } from '@elstream/replication';
import { capturingLogger, eventually, type CapturingLogger } from '@elstream/testing';
import { createRuntime, type Runtime } from './index';
import { twoDatabases, type Databases } from './pipeline.fixture';

let databases: Databases;
let n = 0;

beforeAll(async () => {
  databases = await twoDatabases();
  await databases.source.query('CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (7)');
});
afterAll(async () => databases[Symbol.asyncDispose]());

interface World extends AsyncDisposable {
  readonly folder: string;
  readonly runtime: Runtime;
  readonly logger: CapturingLogger;
  /** Name of the pipeline of `one.yaml`. */
  readonly name: string;
  /** Text of a pipeline file of these tables. */
  text(name: string, tables: readonly string[], more?: string): string;
  write(file: string, text: string): void;
  invalid(): Promise<number>;
}

/** A runtime over a folder of pipeline files, one of them there at the start. */
async function start(folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-reload-')), own = true): Promise<World> {
  const name = `p${String((n += 1))}`;
  const text = (of: string, tables: readonly string[], more = ''): string =>
    `name: ${of}\nsource: { url: '\${SRC}' }\nwarehouse: { url: '\${WH}', schema: ${of} }\nstream: { counterIntervalMs: 300 }\ntables: { include: ${JSON.stringify(tables)} }\n${more}`;
  const write = (file: string, content: string): void => writeFileSync(path.join(folder, file), content);
  if (own) write('one.yaml', text(name, ['public.a']));
  const files = pipelineFiles({ directory: folder }, { SRC: databases.source.url, WH: databases.warehouse.url });
  const logger = capturingLogger();
  const metrics = createMetrics();
  const runtime = await createRuntime({ pipelines: files.load(files.read()).map((p) => p.config), reload: { files, everyMs: 50 }, logger, metrics });
  return {
    folder,
    runtime,
    logger,
    name,
    text,
    write,
    invalid: async () => (await metrics.pipelineFilesInvalid.get()).values[0]?.value ?? 0,
    [Symbol.asyncDispose]: async () => {
      await runtime.close();
      if (own) rmSync(folder, { recursive: true, force: true });
    },
  };
}

const tablesOf = ({ runtime }: World, name: string): readonly string[] => runtime.registry.get(name).settings.selection.include;

describe('pipeline files of a running process', () => {
  it('a table added to a file is taken over, and copied by the next run', async () => {
    await using world = await start();
    const { runtime, name } = world;
    const services = [createTaskWorker(runtime.deps, 'preload', { concurrency: 1 }), createTaskWorker(runtime.deps, 'validate', { concurrency: 1 }), createStreamer(runtime.deps), createPlanner(runtime.deps, { activeMs: 50, idleMs: 100, alone: true })];
    const running = Promise.all(services.map((service) => service.run()));
    const copied = async (): Promise<void> => {
      const { id } = await runtime.store.createRun({ pipeline: name, reason: 'manual', tables: [] });
      await eventually(async () => expect((await runtime.store.readRun(id))?.state).toBe('succeeded'), { timeoutMs: 60_000, describe: world.logger.text().slice(-3_000) });
    };
    await copied();
    world.write('one.yaml', world.text(name, ['public.a', 'public.b']));
    await eventually(() => expect(tablesOf(world, name)).toEqual(['public.a', 'public.b']));
    await copied();
    expect(await databases.warehouse.query(`SELECT id FROM ${name}.b`)).toEqual([{ id: 7 }]);
    await databases.source.query('INSERT INTO b VALUES (8)');
    await eventually(async () => expect(await databases.warehouse.query(`SELECT id FROM ${name}.b ORDER BY id`)).toEqual([{ id: 7 }, { id: 8 }]));
    await runtime.registry.remove(name);
    await Promise.all(services.map((service) => service.stop()));
    await running;
  }, 150_000);

  it('a new file is a new pipeline', async () => {
    await using world = await start();
    let told = 0;
    const end = world.runtime.registry.onChange(() => (told += 1));
    world.write('two.yml', world.text(`${world.name}-two`, ['public.b']));
    await eventually(() => expect(world.runtime.registry.names()).toEqual([world.name, `${world.name}-two`]));
    expect(told).toBe(1);
    end();
    expect((await world.runtime.overview.pipeline(`${world.name}-two`)).tables).toEqual([]);
  });

  it('a broken file is said with file, line and setting, and the last good configuration stays until it is mended', async () => {
    await using world = await start();
    world.write('one.yaml', `${world.text(world.name, ['public.b'])}preload:\n  workerz: 3\n`);
    await eventually(async () => expect(await world.invalid()).toBe(1));
    const line = world.logger.lines.find(({ fields }) => fields.setting === 'preload.workerz');
    expect(line?.fields).toMatchObject({ file: path.join(world.folder, 'one.yaml'), line: 7 });
    expect(line?.message).toContain("did you mean 'workers'");
    expect(tablesOf(world, world.name)).toEqual(['public.a']);
    world.write('one.yaml', world.text(world.name, ['public.b']));
    await eventually(async () => expect(await world.invalid()).toBe(0));
    expect(tablesOf(world, world.name)).toEqual(['public.b']);
    expect(world.logger.lines.filter(({ fields }) => fields.setting === 'preload.workerz')).toHaveLength(1);
  });

  it('the only file taken away, and a folder taken away, are invalid and change nothing', async () => {
    await using world = await start();
    rmSync(path.join(world.folder, 'one.yaml'));
    await eventually(async () => expect(await world.invalid()).toBe(1));
    rmSync(world.folder, { recursive: true });
    await eventually(() => expect(world.logger.text()).toMatch(/cannot be read \(ENOENT\)/));
    expect(world.runtime.registry.names()).toEqual([world.name]);
    mkdirSync(world.folder);
    world.write('one.yaml', world.text(world.name, ['public.a']));
    await eventually(async () => expect(await world.invalid()).toBe(0));
  });

  it('a file taken away takes its pipeline out: who holds it keeps its connections, and it comes back with the file', async () => {
    await using world = await start();
    const { registry } = world.runtime;
    const two = `${world.name}-two`;
    world.write('two.yaml', world.text(two, ['public.b']));
    await eventually(() => expect(registry.has(two)).toBe(true));
    const held = registry.hold(two);
    const source = await held.pipeline.source();
    rmSync(path.join(world.folder, 'two.yaml'));
    await eventually(() => expect(registry.names()).toEqual([world.name]));
    expect(() => registry.get(two)).toThrow(/there is no pipeline/);
    expect(world.logger.lines.find(({ fields, message }) => fields.pipeline === two && message.includes('DELETE'))).toBeDefined();
    expect((await source.check()).length).toBe(0);
    held.release();
    held.release();
    world.write('two.yaml', world.text(two, ['public.b']));
    await eventually(() => expect(registry.has(two)).toBe(true));
    expect(registry.get(two)).not.toBe(held.pipeline);
  });

  it('the swapped links of a ConfigMap are followed', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-configmap-'));
    const swap = (version: string, text: string): void => {
      mkdirSync(path.join(folder, version));
      writeFileSync(path.join(folder, version, 'shop.yaml'), text);
      symlinkSync(version, path.join(folder, '..data_tmp'));
      renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
    };
    const name = 'configmap';
    const text = (tables: string): string => `name: ${name}\nsource: { url: '\${SRC}' }\nwarehouse: { url: '\${WH}', schema: dwh }\ntables: { include: [${tables}] }\n`;
    swap('..2026_1', text('public.a'));
    symlinkSync(path.join('..data', 'shop.yaml'), path.join(folder, 'shop.yaml'));
    await using world = await start(folder, false);
    swap('..2026_2', text('public.a, public.b'));
    await eventually(() => expect(tablesOf(world, name)).toEqual(['public.a', 'public.b']));
    rmSync(folder, { recursive: true });
  });

  it('what cannot change while the process runs is named in a warning, and the rest of the file holds', async () => {
    await using world = await start();
    const before = world.runtime.registry.hold(world.name);
    world.write('one.yaml', world.text(world.name, ['public.b'], 'preload: { workers: 5 }\n'));
    await eventually(() => expect(tablesOf(world, world.name)).toEqual(['public.b']));
    expect(world.logger.lines.filter(({ fields, level }) => fields.setting === 'preload.workers' && level === 'warn')).toHaveLength(1);
    expect(before.pipeline.settings.selection.include).toEqual(['public.a']);
    before.release();
  });

  it('a new file for another warehouse is left out by name', async () => {
    await using world = await start();
    world.write('two.yaml', world.text(`${world.name}-two`, ['public.b']).replace('${WH}', '${SRC}'));
    await eventually(() => expect(world.logger.lines.find(({ fields, level }) => level === 'error' && fields.setting === 'warehouse.url')?.message).toMatch(/another warehouse/));
    expect(world.runtime.registry.names()).toEqual([world.name]);
  });

  it('a pipeline removed through one process leaves the others too, and a changed file does not bring it back', async () => {
    await using world = await start();
    await using other = await start(world.folder, false);
    const two = `${world.name}-two`;
    world.write('two.yaml', world.text(two, ['public.b']));
    await eventually(() => expect([world.runtime.registry.has(two), other.runtime.registry.has(two)]).toEqual([true, true]));
    await world.runtime.registry.remove(two);
    await eventually(() => expect(other.runtime.registry.has(two)).toBe(false));
    world.write('one.yaml', world.text(world.name, ['public.b']));
    world.write('two.yaml', world.text(two, ['public.a', 'public.b']));
    await eventually(() => expect([tablesOf(world, world.name), tablesOf(other, world.name)]).toEqual([['public.b'], ['public.b']]));
    expect([world.runtime.registry.has(two), other.runtime.registry.has(two)]).toEqual([false, false]);
  });
});

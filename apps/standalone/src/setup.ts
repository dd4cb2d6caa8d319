import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { describeProblem, type Environment, type PipelineConfig, pipelineFiles, type PipelineFiles, type ServiceSettings } from '@elstream/config';
import { type Logger } from '@elstream/core';
import { type EmbeddedDatabases, type Side, startEmbeddedDatabases } from './embedded';
import { inventoryPipeline } from './paths';
import { seedSample } from './sample';

export interface Arguments {
  /** Pipeline files; empty: those of PIPELINES_DIR if it is set, else the sample's. */
  readonly pipelines: readonly string[];
  /** Start a run of every pipeline that has never been copied. */
  readonly run: boolean;
  readonly help: boolean;
}

export const USAGE = `elstream in one process: gateway, preloader, streamer and validator
  --pipeline FILE  a pipeline file, may be given several times (default: all of PIPELINES_DIR if that is set, else pipelines/inventory.yaml)
  --run            start a run of every pipeline that has never been copied
  --help           this text
Where a file refers to \${SOURCE_URL} or \${WAREHOUSE_URL} and the variable is not set, an embedded PostgreSQL under VAR_DIR takes its place.
Other settings: docs/settings.md`;

/** Throws a TypeError that names an unknown option. */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({ args: [...args], options: { pipeline: { type: 'string', multiple: true }, run: { type: 'boolean' }, help: { type: 'boolean' } } });
  return { pipelines: values.pipeline ?? [], run: values.run ?? false, help: values.help ?? false };
}

const VARIABLES: Readonly<Record<Side, string>> = { source: 'SOURCE_URL', warehouse: 'WAREHOUSE_URL' };
/** A few rows more than the tutorial's, so that there is something to copy. */
const SAMPLE = { customers: 1_000, orders: 6_000, products: 500 };

export interface Setup {
  readonly pipelines: readonly PipelineConfig[];
  /** Where they come from. */
  readonly files: PipelineFiles;
  /** Null: every database is somebody else's. */
  readonly databases: EmbeddedDatabases | null;
  /** What pipeline files are read with: the process's, and the addresses of embedded databases. Holds passwords. */
  readonly env: Environment;
  /** The embedded source holds the sample. */
  readonly sample: boolean;
}

/**
 * Reads the pipeline files, with embedded databases started where they refer to none. What fails stops the databases.
 *
 * @throws ConfigError, ElstreamError `EMBEDDED_POSTGRES`
 */
export async function openSetup(args: Arguments, settings: ServiceSettings, logger: Logger): Promise<Setup> {
  const { env } = process;
  const directory = args.pipelines.length === 0 && filled(env['PIPELINES_DIR']) ? settings.pipelinesDir : null;
  const files = args.pipelines.length > 0 ? args.pipelines : [inventoryPipeline];
  const sides = missingSides(directory === null ? files : filesOf(directory), env);
  const databases = sides.length === 0 ? null : await startEmbeddedDatabases({ folder: path.resolve(settings.varDir), sides, logger });
  try {
    const all = { ...env };
    for (const [side, url] of databases?.urls ?? []) all[VARIABLES[side]] = url;
    const source = databases?.urls.get('source');
    const where = pipelineFiles(directory === null ? { files } : { directory }, all);
    const loaded = where.load(where.read());
    for (const warning of loaded.flatMap((pipeline) => pipeline.warnings)) logger.warn({}, describeProblem(warning));
    const sample = source !== undefined && directory === null && args.pipelines.length === 0;
    if (sample) {
      const rows = await seedSample(source, SAMPLE);
      if (rows > 0) logger.info({ rows }, 'the sample was made at the embedded source');
    }
    return { pipelines: loaded.map((pipeline) => pipeline.config), files: where, databases, env: all, sample };
  } catch (error) {
    await databases?.stop();
    throw error;
  }
}

const filled = (value: string | undefined): boolean => value !== undefined && value.trim() !== '';

/** Sides that some file refers to without a default while nobody has said where they are. */
function missingSides(files: readonly string[], env: Environment): Side[] {
  const texts = files.map(readQuietly);
  return (Object.keys(VARIABLES) as Side[]).filter((side) => !filled(env[VARIABLES[side]]) && texts.some((text) => text.includes(`\${${VARIABLES[side]}}`)));
}

/** A file that cannot be read is reported by its loader, with all else that is wrong. */
function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /\.ya?ml$/i.test(name)).map((name) => path.join(directory, name));
  } catch {
    return [];
  }
}

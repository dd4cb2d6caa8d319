import { readdirSync } from 'node:fs';
import path from 'node:path';
import { crossPipelineProblems } from './cross-pipeline';
import { accept, checkPipelineText, isLoaded, readText, reasonOf, unreadable, type FileText, type LoadedPipeline } from './pipeline-file';
import { ConfigError } from './problem';
import type { Environment } from './references';

/** Pipeline files by path, as they stood when read. */
export type PipelineTexts = ReadonlyMap<string, FileText>;

/** The pipeline files of a process, which may be read again while it runs. */
export interface PipelineFiles {
  /** Throws `ConfigError` if the folder cannot be read; a file that cannot be is told by `load`. */
  read(): PipelineTexts;
  /** Checks all of them together. Throws `ConfigError` with everything that is wrong. */
  load(texts: PipelineTexts): readonly LoadedPipeline[];
}

/** @param where a folder, of which all `.yaml` and `.yml` files count (by name), or single files */
export function pipelineFiles(where: { readonly directory: string } | { readonly files: readonly string[] }, env: Environment): PipelineFiles {
  return {
    read: () => new Map(('files' in where ? where.files : filesOf(where.directory)).map((file) => [file, readText(file)])),
    load: (texts) => {
      const checked = [...texts].map(([file, read]) => (read.text === null ? unreadable(file, read.reason) : checkPipelineText(read.text, file, env)));
      return accept(checked, crossPipelineProblems(checked.filter(isLoaded)));
    },
  };
}

/** All pipelines of a folder. Throws `ConfigError` with everything that is wrong. */
export function loadPipelineDirectory(directory: string, env: Environment): readonly LoadedPipeline[] {
  const files = pipelineFiles({ directory }, env);
  return files.load(files.read());
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /\.ya?ml$/i.test(name)).sort().map((name) => path.join(directory, name));
  } catch (error) {
    throw new ConfigError([{ file: directory, line: null, setting: '', message: `cannot be read (${reasonOf(error)}); set PIPELINES_DIR to the folder of the pipeline files` }]);
  }
}

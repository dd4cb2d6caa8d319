import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { environmentOf, loadServiceSettings, loadPipelineDirectory, ConfigError, type ServiceName } from '@elstream/config';

/** What runs in the image; the standalone process is not in it. */
export const BUNDLED = ['gateway', 'preloader', 'streamer', 'validator', 'migrate'] as const satisfies readonly ServiceName[];
export type Bundled = (typeof BUNDLED)[number];

/** Names of variables the pipeline files of a folder refer to. */
export function pipelineReferences(folder: string): string[] {
  const texts = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file)).map((file) => readFileSync(path.join(folder, file), 'utf8').replace(/^\s*#.*$/gm, ''));
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/(?<!\$)\$\{([A-Za-z_]\w*)/g)].flatMap((match) => match[1] ?? [])))];
}

export function bundleOf(command: readonly string[] | undefined): Bundled | undefined {
  const file = command?.length === 2 && command[0] === 'node' ? command[1] : undefined;
  return BUNDLED.find((name) => file === `${name}.cjs`);
}

/**
 * What is wrong with the variables given to a service: unread ones (a typo, or a leftover), and what the service itself
 * says when it loads its settings and pipeline files with them.
 *
 * @param given all variables by name; secrets with a stand-in of the right form
 * @param pipelines the folder that PIPELINES_DIR will stand for
 */
export function environmentProblems(service: Bundled, given: Readonly<Record<string, string>>, pipelines: string): string[] {
  const read = new Set([...environmentOf(service), ...pipelineReferences(pipelines)]);
  const unread = Object.keys(given).filter((name) => !read.has(name)).map((name) => `${service}: ${name} is set, but nothing reads it`);
  return [...unread, ...refusals(service, () => loadServiceSettings(given, service)), ...refusals(service, () => loadPipelineDirectory(pipelines, given))];
}

function refusals(service: Bundled, load: () => unknown): string[] {
  try {
    load();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [`${service}: ${error.message}`];
    throw error;
  }
}

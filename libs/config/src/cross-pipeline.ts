import { databaseOf, serverOf } from './connection-url';
import { exactTarget } from './contradictions';
import { publicationName, slotName } from './names';
import type { PipelineConfig } from './pipeline-schema';
import type { ConfigProblem } from './problem';
import { exactTableId } from './table-pattern';

interface Named {
  readonly file: string;
  readonly config: PipelineConfig;
}

/** What two pipelines of one installation must not share, as far as seen from the files. */
export function crossPipelineProblems(pipelines: readonly Named[]): ConfigProblem[] {
  const names = duplicates(pipelines, 'name', ({ config }) => [[config.name, `is the name ${config.name}`]]);
  const slots = duplicates(pipelines, 'stream.slotName', ({ config }) => [[`${serverOf(config.source.url)} ${slotName(config)}`, `is the slot ${slotName(config)} of the same server`]]);
  const publications = duplicates(pipelines, 'stream.publicationName', ({ config }) => [
    [`${databaseOf(config.source.url)} ${publicationName(config)}`, `is the publication ${publicationName(config)} of the same database`],
  ]);
  const targets = duplicates(pipelines, 'tables', ({ config }) => exactTargets(config));
  // Pipelines of one name share all derived names as well: said once.
  return names.length > 0 ? names : [...slots, ...publications, ...targets];
}

/** Targets of the tables that are included by exact name: [key, in words]. */
function exactTargets(config: PipelineConfig): (readonly [string, string])[] {
  return config.tables.include.flatMap((match) => {
    const id = exactTableId(match);
    if (id === null) return [];
    const setting = config.tables.settings.find((s) => exactTableId(s.match) === id);
    const target = exactTarget({ match, target: setting?.target ?? {} }, config.warehouse.schema);
    return [[`${databaseOf(config.warehouse.url)} ${target}`, `writes ${match} into the same target table`] as const];
  });
}

function duplicates(pipelines: readonly Named[], setting: string, keysOf: (pipeline: Named) => readonly (readonly [string, string])[]): ConfigProblem[] {
  const first = new Map<string, Named>();
  return pipelines.flatMap((pipeline) =>
    keysOf(pipeline).flatMap(([key, words]) => {
      const other = first.get(key);
      if (other === undefined) first.set(key, pipeline);
      return other === undefined || other === pipeline ? [] : [{ file: pipeline.file, line: null, setting, message: `${words} as in ${other.file}; give each pipeline its own` }];
    }),
  );
}

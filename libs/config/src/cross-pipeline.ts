import { tableId, type TableName } from '@elstream/core';
import { databaseOf, serverOf } from './connection-url';
import { effectiveSetting } from './effective-setting';
import { publicationName, slotName } from './names';
import type { PipelineConfig } from './pipeline-schema';
import type { ConfigProblem } from './problem';
import { parseTablePattern } from './table-pattern';

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

/** Targets, history tables included, of the tables that are included by exact name: [key, in words]. */
function exactTargets(config: PipelineConfig): (readonly [string, string])[] {
  return config.tables.include.flatMap((match) => {
    const table = parseTablePattern(match);
    if (table?.kind !== 'exact') return [];
    const { targetSchema, targetName, history } = effectiveSetting(config, table.table);
    const target = { schema: targetSchema ?? config.warehouse.schema ?? table.table.schema, name: targetName ?? table.table.name };
    const key = (name: TableName): string => `${databaseOf(config.warehouse.url)} ${tableId(name)}`;
    const archive = history === null ? null : { schema: history.target.schema ?? target.schema, name: history.target.name ?? `${target.name}_archive` };
    const rows = [key(target), `writes ${match} into the same target table`] as const;
    return archive === null ? [rows] : [rows, [key(archive), `writes the history of ${match} into the same target table`] as const];
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

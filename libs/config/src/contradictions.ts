import { databaseOf } from './connection-url';
import type { SettingProblem } from './issues';
import { foldName } from './name-limit';
import type { PipelineConfig, TableSetting } from './pipeline-schema';
import { productProblems } from './product-problems';
import { streamProblems } from './stream-problems';
import { exactTableId, matchesTable, parseTablePattern } from './table-pattern';

/** Settings of one valid file that exclude each other or have no effect, as far as seen without asking the source. */
export function contradictions(config: PipelineConfig): SettingProblem[] {
  return [
    ...selectionProblems(config),
    ...config.tables.settings.flatMap((setting, i) => settingProblems(setting, ['tables', 'settings', i])),
    ...sameMatch(config),
    ...sameTarget(config),
    ...connectionProblems(config),
    ...sameDatabase(config),
    ...readUrlProblems(config),
    ...validateProblems(config),
    ...productProblems(config),
    ...streamProblems(config),
  ];
}

function selectionProblems({ tables }: PipelineConfig): SettingProblem[] {
  const out: SettingProblem[] = [];
  const included = tables.include.map(exactTableId);
  tables.include.forEach((entry, i) => {
    const path = ['tables', 'include', i];
    const id = included[i] ?? null;
    if (included.indexOf(id) < i && id !== null) out.push({ path, message: `names ${entry} a second time; remove one` });
    if (id === null && tables.include.indexOf(entry) < i) out.push({ path, message: `repeats the pattern ${entry}; remove one` });
    const excludedBy = tables.exclude.findIndex((pattern) => excludes(pattern, entry));
    if (excludedBy >= 0) out.push({ path, message: `names ${entry}, which tables.exclude[${excludedBy}] leaves out; remove one of the two` });
  });
  tables.exclude.forEach((entry, i) => {
    const pattern = parseTablePattern(entry);
    if (pattern?.kind !== 'exact' || tables.include.some((include) => matchesTable(include, pattern.table))) return;
    out.push({ path: ['tables', 'exclude', i], message: `leaves out ${entry}, which nothing in tables.include names; remove it` });
  });
  tables.settings.forEach((setting, i) => {
    const pattern = parseTablePattern(setting.match);
    if (pattern?.kind !== 'exact' || isSelected(tables, pattern.table)) return;
    out.push({ path: ['tables', 'settings', i, 'match'], message: `names ${setting.match}, which is not among the tables replicated; add it to tables.include or remove the setting` });
  });
  return out;
}

function isSelected(tables: PipelineConfig['tables'], table: { readonly schema: string; readonly name: string }): boolean {
  return tables.include.some((p) => matchesTable(p, table)) && !tables.exclude.some((p) => matchesTable(p, table));
}

/** True if an exact `entry` of include is taken away again by `pattern` of exclude. */
function excludes(pattern: string, entry: string): boolean {
  const included = parseTablePattern(entry);
  return included?.kind === 'exact' ? matchesTable(pattern, included.table) : pattern === entry;
}

type Add = (at: readonly PropertyKey[], message: string) => void;

function settingProblems(setting: TableSetting, path: readonly PropertyKey[]): SettingProblem[] {
  const out: SettingProblem[] = [];
  const add: Add = (at, message) => void out.push({ path: [...path, ...at], message });
  if (parseTablePattern(setting.match)?.kind === 'pattern') {
    const message = `belongs to one table, but match is the pattern ${setting.match}; name the table exactly`;
    if (setting.key !== undefined) add(['key'], message);
    if (setting.target.name !== undefined) add(['target', 'name'], message);
    historyNames(setting).forEach((at) => add(['history', ...at], message));
  }
  historyProblems(setting, add);
  keyProblems(setting, add);
  columnProblems(setting, add);
  return out;
}

/** What a history setting says of one table alone. */
function historyNames({ history }: TableSetting): string[][] {
  if (history === undefined || history.kind === 'none') return [];
  return [...(history.table === undefined ? [] : [['table']]), ...(history.target.name === undefined ? [] : [['target', 'name']])];
}

function historyProblems({ history, columns: { exclude, mask, type } }: TableSetting, add: Add): void {
  if (history === undefined || history.kind === 'none') return;
  if (history.kind === 'derived' && history.table !== undefined) add(['history', 'table'], 'names a history table of the source, which derived history does not read; remove it, or set kind: copied');
  const [from, to] = history.period ?? [];
  if (from !== undefined && from === to) add(['history', 'period'], `names ${from} twice; give the column each version begins at and the one it ends at`);
  for (const column of history.period ?? []) {
    if (exclude.includes(column)) add(['columns', 'exclude'], `leaves out ${column}, which history.period names; remove one of the two`);
    if (Object.hasOwn(mask, column)) add(['columns', 'mask', column], 'masks a column that history.period names; leave it unmasked or name another');
    if (Object.hasOwn(type, column)) add(['columns', 'type', column], 'changes the type of a column that history.period names; remove it');
  }
}

function keyProblems({ key = [], columns: { exclude, mask, type } }: TableSetting, add: Add): void {
  for (const [i, column] of key.entries()) {
    if (key.indexOf(column) !== i) add(['key', i], `repeats ${column}; remove one`);
    if (exclude.includes(column)) add(['columns', 'exclude'], `leaves out ${column}, a column of the key; rows could not be told apart`);
    if (Object.hasOwn(mask, column)) add(['columns', 'mask', column], 'masks a column of the key; choose another key or leave it unmasked');
    if (Object.hasOwn(type, column)) add(['columns', 'type', column], 'changes the type of a column of the key, so that distinct keys could become equal; remove it');
  }
}

function columnProblems({ columns: { exclude, rename, mask, type } }: TableSetting, add: Add): void {
  for (const [i, column] of exclude.entries()) {
    if (exclude.indexOf(column) !== i) add(['columns', 'exclude', i], `repeats ${column}; remove one`);
    for (const [name, settings] of Object.entries({ rename, mask, type })) {
      if (Object.hasOwn(settings, column)) add(['columns', name, column], 'is set, but columns.exclude leaves the column out; remove one of the two');
    }
  }
  for (const [column, target] of Object.entries(rename)) {
    if (column === target) add(['columns', 'rename', column], 'renames the column to its own name; remove it');
    const other = Object.keys(rename).find((c) => c !== column && rename[c] === target);
    if (other !== undefined) add(['columns', 'rename', column], `gives the name ${target}, as does columns.rename.${other}; names must differ`);
  }
}

function sameMatch({ tables }: PipelineConfig): SettingProblem[] {
  const name = (match: string): string => exactTableId(match) ?? match;
  const matches = tables.settings.map((s) => name(s.match));
  return matches.flatMap((match, i) => {
    const first = matches.indexOf(match);
    return first === i ? [] : [{ path: ['tables', 'settings', i, 'match'], message: `names ${match}, as does tables.settings[${first}]; put both together` }];
  });
}

function sameTarget({ tables, warehouse }: PipelineConfig): SettingProblem[] {
  const seen = new Map<string, number>();
  return tables.settings.flatMap((setting, i) => {
    const target = exactTarget(setting, warehouse);
    if (target === null) return [];
    const first = seen.get(target);
    if (first === undefined) seen.set(target, i);
    return first === undefined ? [] : [{ path: ['tables', 'settings', i, 'target'], message: `gives the same target table as tables.settings[${first}]; give each its own` }];
  });
}

/** Target of a setting with an exact match, as a key for comparing; null for patterns. */
function exactTarget(setting: Pick<TableSetting, 'match' | 'target'>, warehouse: PipelineConfig['warehouse']): string | null {
  const pattern = parseTablePattern(setting.match);
  if (pattern?.kind !== 'exact') return null;
  const names = [setting.target.schema ?? warehouse.schema ?? pattern.table.schema, setting.target.name ?? pattern.table.name];
  return JSON.stringify(names.map((name) => foldName(name, warehouse.type)));
}

/** Work in parallel needs a connection each; two more serve the stream's re-reads and the questions of the gateway. */
const SPARE_CONNECTIONS = 2;

function connectionProblems(config: PipelineConfig): SettingProblem[] {
  return (['preload', 'validate'] as const).flatMap((stage) =>
    (['source', 'warehouse'] as const).flatMap((side) => {
      const needed = config[stage].workers + SPARE_CONNECTIONS;
      if (config[side].maxConnections >= needed) return [];
      return [{ path: [side, 'maxConnections'], message: `is below the ${needed} that ${stage}.workers (${config[stage].workers}) needs; raise it or lower ${stage}.workers` }];
    }),
  );
}

function sameDatabase(config: PipelineConfig): SettingProblem[] {
  if (databaseOf(config.source.url) !== databaseOf(config.warehouse.url) || config.warehouse.schema !== undefined) return [];
  return [{ path: ['warehouse', 'schema'], message: 'is missing, while source and warehouse are the same database: every table would be written over itself; give a schema of its own' }];
}

function readUrlProblems({ source, warehouse }: PipelineConfig): SettingProblem[] {
  if (source.readUrl === undefined) return [];
  const path = ['source', 'readUrl'];
  const read = databaseOf(source.readUrl);
  // A listener of SQL Server leads those who only read to a secondary.
  if (read === databaseOf(source.url) && source.type === 'postgres') return [{ path, message: 'leads to the database of source.url itself; name a standby of it, or remove it' }];
  return read === databaseOf(warehouse.url) ? [{ path, message: 'leads to the warehouse; name a standby of the source, or remove it' }] : [];
}

function validateProblems({ validate: { every, mode, samplePercent } }: PipelineConfig): SettingProblem[] {
  if (samplePercent === undefined) return [];
  const path = ['validate', 'samplePercent'];
  if (mode === 'changed') return [{ path, message: 'is without effect while validate.mode is changed; remove one of the two' }];
  return every === 0 ? [{ path, message: 'is without effect while validate.every is 0: it is of validations that start by themselves; remove it' }] : [];
}

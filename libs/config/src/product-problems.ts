import { productOfUrl, type Product } from '@elstream/core';
import { endpointOf } from './connection-url';
import { isHashType, typeProblem } from './explicit-type';
import type { SettingProblem } from './issues';
import { isName, nameLimit } from './name-limit';
import type { PipelineConfig, TableSetting } from './pipeline-schema';

export const PRODUCT_NAMES: Readonly<Record<Product, string>> = { postgres: 'PostgreSQL', mssql: 'SQL Server' };

/** Settings that the product on their side does not know, or that belong to the other one. */
export function productProblems(config: PipelineConfig): SettingProblem[] {
  return [...urlProblems(config), ...captureProblems(config), ...nameProblems(config), ...typeProblems(config)];
}

function urlProblems({ source, warehouse }: PipelineConfig): SettingProblem[] {
  const out: SettingProblem[] = [];
  for (const [side, { type, url }] of Object.entries({ source, warehouse })) {
    const product = productOfUrl(url);
    if (product !== null && product !== type) out.push({ path: [side, 'type'], message: `is ${type}, while ${side}.url leads to ${PRODUCT_NAMES[product]}; remove it` });
  }
  const read = source.readUrl === undefined ? null : productOfUrl(source.readUrl);
  if (read !== null && read !== source.type) out.push({ path: ['source', 'readUrl'], message: `leads to ${PRODUCT_NAMES[read]}, while the source is ${PRODUCT_NAMES[source.type]}; name a standby of it` });
  return out;
}

/** How changes get out of a source. */
function captureProblems({ source, stream }: PipelineConfig): SettingProblem[] {
  if (source.type === 'postgres') return [];
  const out: SettingProblem[] = [];
  if (stream.type === 'direct') {
    out.push({ path: ['stream', 'type'], message: 'must be kafka while the source is SQL Server, whose changes come through Debezium and Kafka; set stream.type: kafka with stream.brokers and stream.connect' });
  }
  for (const name of ['slotName', 'publicationName'] as const) {
    if (stream[name] !== undefined) out.push({ path: ['stream', name], message: 'is of PostgreSQL and without effect while the source is SQL Server; remove it' });
  }
  if (stream.type === 'kafka' && stream.source.port === 0) {
    out.push({ path: ['stream', 'source', 'port'], message: `is missing, while source.url names the instance ${endpointOf(source.url).instance ?? ''}; name the port it listens on, which is what Kafka Connect is told` });
  }
  return out;
}

function nameProblems({ source, warehouse, tables }: PipelineConfig): SettingProblem[] {
  const out: SettingProblem[] = [];
  const check = (product: Product, path: readonly PropertyKey[], name: string | undefined): void => {
    if (name !== undefined && !isName(name, product)) out.push({ path, message: `must be a name of 1 to ${nameLimit(product)}, the most that ${PRODUCT_NAMES[product]} takes` });
  };
  check(warehouse.type, ['warehouse', 'schema'], warehouse.schema);
  tables.settings.forEach((setting, i) => {
    const path = ['tables', 'settings', i];
    for (const [at, name] of sourceNames(setting)) check(source.type, [...path, ...at], name);
    for (const [at, name] of targetNames(setting)) check(warehouse.type, [...path, ...at], name);
  });
  return out;
}

type Named = readonly [path: readonly PropertyKey[], name: string | undefined];

function sourceNames({ key = [], columns, history }: TableSetting): Named[] {
  const period = history === undefined || history.kind === 'none' ? [] : (history.period ?? []);
  const all = [...key.map((name, i): Named => [['key', i], name]), ...columns.exclude.map((name, i): Named => [['columns', 'exclude', i], name])];
  return [...all, ...period.map((name, i): Named => [['history', 'period', i], name])];
}

function targetNames({ target, columns, history }: TableSetting): Named[] {
  const own: Named[] = [[['target', 'schema'], target.schema], [['target', 'name'], target.name]];
  const renamed = Object.entries(columns.rename).map(([column, name]): Named => [['columns', 'rename', column], name]);
  if (history === undefined || history.kind === 'none') return [...own, ...renamed];
  return [...own, ...renamed, [['history', 'target', 'schema'], history.target.schema], [['history', 'target', 'name'], history.target.name]];
}

function typeProblems({ warehouse: { type: product }, tables }: PipelineConfig): SettingProblem[] {
  return tables.settings.flatMap(({ columns: { type, mask } }, i) =>
    Object.entries(type).flatMap(([column, wanted]) => {
      const problem = typeProblem(wanted, product) ?? (mask[column]?.kind === 'hash' && !isHashType(wanted, product) ? `must be ${product === 'mssql' ? 'nvarchar(64)' : 'text'} (or absent): the column is masked by a hash, which is text` : null);
      return problem === null ? [] : [{ path: ['tables', 'settings', i, 'columns', 'type', column], message: problem }];
    }),
  );
}

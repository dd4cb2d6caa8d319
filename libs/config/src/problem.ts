import { ElstreamError } from '@elstream/core';

/** One thing wrong with the configuration: where, what, and what to do. Never holds the value of a setting. */
export interface ConfigProblem {
  /** File (or `environment`) it stands in. */
  readonly file: string;
  /** 1-based; null where unknown. */
  readonly line: number | null;
  /** Path of the setting, e.g. `tables.settings[0].key`; empty: the file as a whole. */
  readonly setting: string;
  readonly message: string;
}

/** Everything wrong with the configuration at once; nothing was started. */
export class ConfigError extends ElstreamError {
  constructor(readonly problems: readonly ConfigProblem[]) {
    super('CONFIG_INVALID', 'refuse', `the configuration is refused:\n${problems.map((p) => `  - ${describeProblem(p)}`).join('\n')}`);
  }
}

export function describeProblem({ file, line, setting, message }: ConfigProblem): string {
  return `${file}${line === null ? '' : `:${line}`}: ${setting === '' ? '' : `${setting} `}${message}`;
}

/** `['tables', 'settings', 0, 'key']` → `tables.settings[0].key`. */
export function settingPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = String(part);
    if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

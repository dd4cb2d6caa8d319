/** Names of settings only: values may be secrets. */
export interface ConfigDifferences {
  readonly changed: readonly string[];
  /** Wanted, but the running connector has none. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * What somebody changed of a running connector. Connect gives a configuration back as it got it, secrets in clear, and adds
 * `name`; it masks nothing (a proxy before it may: such a value counts as equal, for it cannot be told).
 *
 * @returns null if they are the same
 */
export function configDifferences(wanted: Readonly<Record<string, string>>, running: Readonly<Record<string, string>>): ConfigDifferences | null {
  const changed = Object.keys(wanted).filter((key) => Object.hasOwn(running, key) && running[key] !== wanted[key] && !isMasked(running[key]));
  const missing = Object.keys(wanted).filter((key) => !Object.hasOwn(running, key));
  const unexpected = Object.keys(running).filter((key) => key !== 'name' && !Object.hasOwn(wanted, key));
  return changed.length + missing.length + unexpected.length === 0 ? null : { changed: changed.sort(), missing: missing.sort(), unexpected: unexpected.sort() };
}

export function sameConfig(wanted: Readonly<Record<string, string>>, running: Readonly<Record<string, string>>): boolean {
  return configDifferences(wanted, running) === null;
}

function isMasked(value: string | undefined): boolean {
  return value !== undefined && (/^\*{3,}$/.test(value) || value === '[hidden]');
}

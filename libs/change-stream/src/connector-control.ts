import type { LogPosition, TableMapping } from '@elstream/core';

/** A connector as whoever operates it wants to see it. Nothing in it is secret. */
export interface ConnectorView {
  readonly name: string;
  readonly class: string;
  /** As the connector's host calls it, e.g. `RUNNING`; null: there is none of that name. */
  readonly state: string | null;
  readonly tasks: readonly { readonly id: number; readonly state: string; /** In plain words; null: it did not fail. */ readonly failure: string | null }[];
  /** Everything that committed below is delivered (`complete`: at it, too); null: nothing yet, or its offsets are gone. */
  readonly committed: { readonly position: LogPosition; readonly complete: boolean } | null;
  /** The settings it ought to have, secrets masked. */
  readonly planned: Readonly<Record<string, string>>;
  /** Names of settings in which it differs from them; null: in none, or there is no connector. */
  readonly differences: { readonly changed: readonly string[]; readonly missing: readonly string[]; readonly unexpected: readonly string[] } | null;
}

/**
 * What people may do to the connector behind a stream. Throws `ElstreamError`: CONNECTOR_MISSING (refuse), CONNECTOR_LOST
 * (refuse: what it captures from is gone, and it must not go on over the gap; a run makes capture anew), or what its host says.
 */
export interface ConnectorControl {
  /** @param tables the pipeline's mappings, by which it is planned; with none it cannot be */
  show(tables: readonly TableMapping[]): Promise<ConnectorView>;
  /** Connector and tasks start again where they stood; one that is paused or stopped goes on. */
  restart(): Promise<void>;
  /** Gives it the planned settings, whatever it has; its task starts again where it stood. */
  update(tables: readonly TableMapping[]): Promise<void>;
}

import type { ChangeStream } from '@elstream/change-stream';
import { mapTables, withSecrets, type PipelineConfig } from '@elstream/config';
import type { ControlStore } from '@elstream/control';
import type { TableMapping } from '@elstream/core';
import type { MappedTables, PipelineHandle, PipelineSettings } from '@elstream/replication';
import type { SourceDatabase, SourceTable } from '@elstream/source';
import type { Warehouse } from '@elstream/warehouse';
import { Lazy } from './lazy';
import { pipelineSettings } from './pipeline-settings';

export interface HandleParts {
  readonly config: PipelineConfig;
  readonly warehouse: Warehouse;
  readonly store: ControlStore;
  readonly connectSource: () => Promise<SourceDatabase>;
  readonly connectStream: () => Promise<ChangeStream>;
}

/** One pipeline of this process. */
export class BoundPipeline implements PipelineHandle {
  readonly settings: PipelineSettings;
  readonly warehouse: Warehouse;
  private readonly lazySource: Lazy<SourceDatabase>;
  private readonly lazyStream: Lazy<ChangeStream>;
  private known: { readonly text: string; readonly mappings: ReadonlyMap<string, TableMapping> } = { text: '[]', mappings: new Map() };

  constructor(private readonly parts: HandleParts) {
    this.settings = pipelineSettings(parts.config);
    this.warehouse = parts.warehouse;
    this.lazySource = new Lazy(parts.connectSource);
    this.lazyStream = new Lazy(parts.connectStream);
  }

  get name(): string {
    return this.settings.name;
  }

  source(): Promise<SourceDatabase> {
    return this.lazySource.get();
  }

  stream(): Promise<ChangeStream> {
    return this.lazyStream.get();
  }

  mapTables(tables: readonly SourceTable[]): MappedTables {
    return mapTables(this.parts.config, tables);
  }

  async mappings(): Promise<ReadonlyMap<string, TableMapping>> {
    const stored = await this.parts.store.readMappings(this.name);
    const text = JSON.stringify(stored);
    // The same object while nothing changed: that is the contract.
    if (text !== this.known.text) {
      this.known = { text, mappings: new Map(stored.map((mapping) => [mapping.id, withSecrets(mapping, this.parts.config)])) };
    }
    return this.known.mappings;
  }

  async setMappings(mappings: readonly TableMapping[]): Promise<void> {
    await this.parts.store.saveMappings(this.name, mappings);
  }

  async close(): Promise<void> {
    await this.lazyStream.dispose((stream) => stream.close());
    await this.lazySource.dispose((source) => source.close());
    await this.warehouse.close();
  }
}

import { ElstreamError, tableId, type Logger, type TableMapping } from '@elstream/core';
import { type Relation } from './pgoutput';
import { newColumns, planRelation, type RelationPlan } from './relation-plan';

/** What the router asks the source's catalog. */
export interface PartitionCatalog {
  /** Id of the partitioned table a partition belongs to at the top; null: not a partition, or gone. */
  rootOf(oid: number): Promise<string | null>;
  /** Oids of the partitions that hold the rows of a partitioned table; empty: none, or the table is gone. */
  leavesOf(root: string): Promise<ReadonlySet<number>>;
}

export type Mappings = ReadonlyMap<string, TableMapping>;

interface Entry {
  readonly relation: Relation;
  readonly id: string;
  readonly root: string | null;
  plan: RelationPlan | null;
}

/**
 * Which mapped table a relation's rows belong to. The publication sends partitions under their own names (so that a
 * TRUNCATE of one partition can be seen at all); they are led back to their root through the catalog.
 *
 * Outlives a reader: what was learned of a relation is what a rename or a changed column is noticed by.
 */
export class RelationRouter {
  private readonly entries = new Map<number, Entry>();

  constructor(
    private readonly catalog: PartitionCatalog,
    private readonly logger: Logger,
  ) {}

  /** Takes a Relation message in. Asks the catalog only about a relation that is not mapped by its own name. */
  async learn(relation: Relation, mappings: Mappings): Promise<void> {
    const previous = this.entries.get(relation.oid);
    const id = tableId(relation);
    if (previous !== undefined && previous.id !== id && mappings.has(previous.id)) {
      throw new ElstreamError('STREAM_SCHEMA_CHANGED', 'stop', `table ${previous.id} is now called ${id}; change its name in the pipeline and preload it again`, {
        place: { table: previous.id },
      });
    }
    const root = mappings.has(id) ? null : ((await this.catalog.rootOf(relation.oid)) ?? previous?.root ?? null);
    const entry: Entry = { relation, id, root, plan: null };
    const mapping = this.mappingOf(entry, mappings);
    if (mapping !== null) {
      const same = previous?.plan?.mapping === mapping ? previous.relation : null;
      entry.plan = planRelation(relation, mapping, same);
      const added = same === null ? [] : newColumns(relation, same);
      if (added.length > 0) this.logger.warn({ table: mapping.id, columns: added.join(', ') }, 'new columns are not replicated until the table is planned anew');
    }
    this.entries.set(relation.oid, entry);
  }

  /** How to read a relation's rows; null: not mapped, pass over. */
  planOf(oid: number, mappings: Mappings): RelationPlan | null {
    const entry = this.entryOf(oid);
    const mapping = this.mappingOf(entry, mappings);
    if (mapping === null) return null;
    if (entry.plan?.mapping !== mapping) entry.plan = planRelation(entry.relation, mapping, null);
    return entry.plan;
  }

  /**
   * The mapped tables that a TRUNCATE of `oids` empties, each at the index of its first relation in the message.
   * @throws ElstreamError STREAM_PARTITION_TRUNCATED (stop) if only some partitions of a mapped table were truncated
   */
  async truncated(oids: readonly number[], mappings: Mappings): Promise<ReadonlyMap<number, TableMapping>> {
    const byIndex = new Map<number, TableMapping>();
    const seen = new Set<string>();
    for (const [index, oid] of oids.entries()) {
      const entry = this.entryOf(oid);
      const mapping = this.mappingOf(entry, mappings);
      if (mapping === null || seen.has(mapping.id)) continue;
      seen.add(mapping.id);
      byIndex.set(index, mapping);
      if (mapping.id !== entry.id) await this.refusePartOf(mapping, oids);
    }
    return byIndex;
  }

  /** A partition made after the TRUNCATE counts as spared here: an unneeded stop, where the other way rows would stay. */
  private async refusePartOf(mapping: TableMapping, oids: readonly number[]): Promise<void> {
    const given = new Set(oids);
    const spared = [...(await this.catalog.leavesOf(mapping.id))].filter((leaf) => !given.has(leaf));
    if (spared.length === 0) return;
    const names = oids.map((oid) => this.entries.get(oid)?.id ?? String(oid)).join(', ');
    throw new ElstreamError('STREAM_PARTITION_TRUNCATED', 'stop', `only some partitions of ${mapping.id} were truncated (${names}); preload ${mapping.id} again`, {
      place: { table: mapping.id },
    });
  }

  private mappingOf(entry: Entry, mappings: Mappings): TableMapping | null {
    return mappings.get(entry.id) ?? (entry.root === null ? null : (mappings.get(entry.root) ?? null));
  }

  private entryOf(oid: number): Entry {
    const entry = this.entries.get(oid);
    if (entry === undefined) throw new RangeError(`a row of relation ${oid}, which was not described`);
    return entry;
  }
}

import { ElstreamError, tableId, type Logger, type TableMapping } from '@elstream/core';
import { type Relation, type RelationColumn } from './pgoutput';
import { isReshaped, planRelation, schemaChanged, type RelationPlan } from './relation-plan';

/** What the router asks the source's catalog. */
export interface PartitionCatalog {
  /** Id of the partitioned table a partition belongs to at the top; null: not a partition, or gone. */
  rootOf(oid: number): Promise<string | null>;
  /** Oids of the partitions that hold the rows of a partitioned table; empty: none, or the table is gone. */
  leavesOf(root: string): Promise<ReadonlySet<number>>;
  /** A relation's columns as they are now; empty: it is gone. */
  columnsOf(oid: number): Promise<readonly RelationColumn[]>;
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

  /**
   * Takes a Relation message in. Asks the catalog only about a relation that is not mapped by its own name, or whose rows
   * the mapping cannot take.
   * @returns the table whose columns are worth a look, null: none
   * @throws ElstreamError STREAM_SCHEMA_CHANGED (stop) with the table
   */
  async learn(relation: Relation, mappings: Mappings): Promise<string | null> {
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
    if (mapping !== null) entry.plan = await this.plan(relation, mapping);
    this.entries.set(relation.oid, entry);
    if (entry.plan === null || !isReshaped(entry.plan, previous?.relation ?? null)) return null;
    const known = new Set(entry.plan.mapping.columns.map((column) => column.source));
    const names = relation.columns.map((column) => column.name).filter((name) => !known.has(name));
    this.logger.info({ table: entry.plan.mapping.id, unmapped: names.join(', ') }, 'the columns of a table are others than before');
    return entry.plan.mapping.id;
  }

  /**
   * A shape that does not fit is an error while the source has it. If it has another by now that does fit, the log tells of
   * a state between two mappings: its rows are parked one by one (a replay reads them as they are now), which neither loses
   * them nor stops at a change that nobody can follow any more.
   */
  private async plan(relation: Relation, mapping: TableMapping): Promise<RelationPlan> {
    const plan = planRelation(relation, mapping);
    if (plan.misfit === null) return plan;
    const now = planRelation({ ...relation, columns: await this.catalog.columnsOf(relation.oid) }, mapping);
    if (now.misfit !== null) throw schemaChanged(mapping, plan.misfit);
    this.logger.warn({ table: mapping.id }, `${plan.misfit} in the log, and fits again at the source: these rows are parked`);
    return plan;
  }

  /** How to read a relation's rows; null: not mapped, pass over. @throws ElstreamError STREAM_SCHEMA_CHANGED (stop) with the table */
  planOf(oid: number, mappings: Mappings): RelationPlan | null {
    const entry = this.entryOf(oid);
    const mapping = this.mappingOf(entry, mappings);
    if (mapping === null) return null;
    if (entry.plan?.mapping !== mapping) {
      const plan = planRelation(entry.relation, mapping);
      // Asking the catalog takes a call that can wait: the next reader is told the relation again.
      if (plan.misfit !== null) throw schemaChanged(mapping, plan.misfit);
      entry.plan = plan;
    }
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

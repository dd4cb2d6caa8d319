import { describeError, ElstreamError, tableId, Waker, type Logger, type SchemaChange, type Service, type TableMapping } from '@elstream/core';
import type { SourceTable } from '@elstream/source';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { tell } from '../tell';
import { awaitTransactions } from '../transaction-wait';
import { describeExisting, isSelected } from './described';
import { activeLoadRun, addedRunDue } from './load-run';
import type { PipelineStream } from './pipeline-stream';
import { goneAtSource, judgeSchema, notCaptured, obstacle, type SchemaVerdict } from './schema-verdict';

/** The table at which the stream cannot go on as its mapping stands. */
export interface StuckTable {
  readonly table: string;
  /** The mapping the stream read with. */
  readonly used: TableMapping | null;
  /** What the stream said. */
  readonly reason: string;
  /** False: it may as well be something that a person can mend, a privilege for instance. */
  readonly certain: boolean;
}

/** `went-on`: the mapping is another one, the stream may begin again. `later`: so it will be. `no`: nothing was or will be done. */
export type StuckAnswer = 'went-on' | 'later' | 'no';

interface AtSource {
  readonly tables: ReadonlyMap<string, SourceTable>;
  readonly found: readonly SourceTable[];
  /** Null: nothing is captured, which the stream finds out. */
  readonly captured: ReadonlySet<string> | null;
}

/** The first look comes soon: a process or a configuration that has just begun may have something to follow. */
const FIRST_MS = 1_000;
const WARN_EVERY_MS = 60_000;
const RUNS_LOOKED_AT = 20;

/**
 * Compares the source's schema with the mappings that are stored, and follows it: columns added, widened and dropped while
 * the table stays live; for all else the table alone is stopped, with a proposal for a person. Tables that the pipeline
 * file names anew get a run of their own, those it names no more are let go; the others' epochs stay what they are.
 *
 * Whatever it does may be done by two processes at once: every step is idempotent, and `replaceMapping` lets one of them
 * note it. It never ends by an error; each look begins from what is stored.
 */
export class SchemaWatch implements Service {
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private readonly waker = new Waker();
  private woken = false;
  private ended: Promise<void> | null = null;
  /** Looks are taken one after the other. */
  private turn: Promise<unknown> = Promise.resolve();
  private warned = new Map<string, number>();

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly pipeline: PipelineHandle,
    private readonly stream: Pick<PipelineStream, 'reading' | 'standby'>,
  ) {
    this.logger = deps.logger.child({ pipeline: pipeline.name });
  }

  run(): Promise<void> {
    return (this.ended ??= this.loop());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
    await this.turn;
  }

  /** Looks now instead of at the next time. */
  wake(): void {
    this.woken = true;
    this.waker.wake();
  }

  /** The stream met a schema that its mapping does not fit. Throws what keeps it from finding out. */
  schemaChanged(stuck: StuckTable): Promise<StuckAnswer> {
    return this.inTurn(() => this.look(stuck));
  }

  private async loop(): Promise<void> {
    const { schemaIntervalMs } = this.pipeline.settings;
    for (let ms = Math.min(FIRST_MS, schemaIntervalMs); ; ms = schemaIntervalMs) {
      // Woken during the look before: it may have looked too early.
      if (!this.woken) await this.waker.nap(ms, this.stopping.signal);
      this.woken = false;
      if (this.stopping.signal.aborted) return;
      // Another process reads the stream, and looks.
      if (this.stream.standby) continue;
      try {
        await this.inTurn(() => this.look(null));
      } catch (error) {
        this.logger.debug({ error: describeError(error) }, 'the schema of the source could not be looked at just now');
      }
    }
  }

  private inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.turn.then(step);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async look(stuck: StuckTable | null): Promise<StuckAnswer> {
    const { deps, pipeline } = this;
    const record = await deps.store.readPipeline(pipeline.name);
    if (record === null || record.gapReason !== null || (record.paused && stuck === null)) return 'no';
    const stored = await pipeline.mappings();
    // Never prepared: its first run is a person's to start.
    if (stored.size === 0) return 'no';
    const load = await activeLoadRun(deps.store, pipeline.name);
    // It is about to store the mappings, and answers for them.
    if (load !== null && !load.prepared) return 'later';
    if (stuck !== null) await this.settle();
    const at = await this.atSource();
    const answer = await this.followTables(stored, at, stuck);
    if (stuck === null && load === null) {
      await this.letGo(stored);
      await this.takeIn(stored, at.found);
    }
    return answer;
  }

  private async atSource(): Promise<AtSource> {
    const { pipeline } = this;
    // Before the catalog: a table that goes between the two is told as gone.
    const captured = await (await pipeline.stream()).captured();
    const found = await describeExisting(await pipeline.source(), pipeline.settings.selection);
    return { tables: new Map(found.map((table) => [idOf(table), table])), found, captured };
  }

  /** What the log says need not be visible yet: the transaction that changed the schema may still be ending. */
  private async settle(): Promise<void> {
    const { deps, pipeline } = this;
    await awaitTransactions({ source: await pipeline.source(), logger: this.logger, clock: deps.clock, signal: this.stopping.signal, waitMs: pipeline.settings.transactionWaitMs });
  }

  private async followTables(stored: ReadonlyMap<string, TableMapping>, at: AtSource, stuck: StuckTable | null): Promise<StuckAnswer> {
    let again: AtSource | null = null;
    let answer: StuckAnswer = stuck === null || stored.has(stuck.table) ? 'no' : 'went-on';
    for (const before of stored.values()) {
      if (!at.tables.has(before.id) && !isSelected(this.pipeline.settings.selection, before.source)) continue;
      const here = stuck?.table === before.id ? stuck : null;
      const verdict = this.judge(before, at);
      if (verdict.do === 'halt' && before.halted === undefined) {
        // The catalog is read by several statements: what they say together has to be said twice before a table is stopped.
        again ??= await this.atSource();
        const second = this.judge(before, again);
        if (second.do !== 'halt' || !sameChange(told(second.change), told(verdict.change))) {
          this.wake();
          if (here !== null) answer = 'later';
          continue;
        }
      }
      const now = await this.act(before, verdict, here);
      if (here !== null) answer = now;
    }
    return answer;
  }

  private judge(before: TableMapping, { tables, captured }: AtSource): SchemaVerdict {
    const table = tables.get(before.id);
    if (table === undefined) return { do: 'halt', change: goneAtSource(before.id) };
    // A halted table is no part of capture.
    if (captured !== null && !captured.has(before.id) && before.halted === undefined) return { do: 'halt', change: notCaptured(before.id) };
    return judgeSchema(before, table, (some) => this.pipeline.mapTables(some));
  }

  private async act(before: TableMapping, verdict: SchemaVerdict, stuck: StuckTable | null): Promise<StuckAnswer> {
    if (before.halted !== undefined) {
      if (verdict.do === 'halt') await this.propose(before.id, verdict.change);
      return 'went-on';
    }
    switch (verdict.do) {
      case 'follow':
        if (await this.follow(before, verdict, stuck !== null)) return 'went-on';
        break;
      case 'halt':
        await this.halt(before, verdict.change);
        return 'went-on';
      case 'wait':
        this.warn(before.id, verdict.because, 'the changed schema of the table cannot be followed yet; it goes on as it is');
        break;
      case 'nothing':
        break;
      default:
        verdict satisfies never;
    }
    if (stuck === null) return 'no';
    // Another process, or an earlier look, was quicker than the stream.
    if (JSON.stringify(stuck.used) !== JSON.stringify(before)) return 'went-on';
    if (!stuck.certain) return 'no';
    // The stream cannot go on with this table, and everything else must not wait for it.
    await this.halt(before, obstacle(verdict.do === 'wait' ? `${stuck.reason}; ${verdict.because}` : stuck.reason));
    return 'went-on';
  }

  private async follow(before: TableMapping, { to, change }: Extract<SchemaVerdict, { do: 'follow' }>, stuck: boolean): Promise<boolean> {
    const { deps, pipeline } = this;
    const { name } = pipeline;
    try {
      await pipeline.warehouse.evolveTable(name, to, change);
    } catch (error) {
      if (!(error instanceof ElstreamError) || error.code !== 'EVOLUTION_BLOCKED') throw error;
      // Whoever takes away what stands in the way needs to do no more: the next look follows.
      if (stuck) await this.halt(before, { ...change, obstacles: [describeError(error)] });
      else this.warn(before.id, describeError(error), 'the changed schema of the table cannot be followed yet; it goes on as it is');
      return stuck;
    }
    if (!(await deps.store.replaceMapping(name, before, to))) return true;
    await deps.store.addSchemaChange({ pipeline: name, table: before.id, state: 'followed', change: told(change) });
    this.logger.info({ table: before.id, added: change.added.join(', '), dropped: change.dropped.join(', '), widened: change.widened.join(', ') }, 'changed schema of the source followed');
    deps.observer.schemaFollowed(name, before.id);
    tell(deps, { type: 'tables-changed', pipeline: name });
    return true;
  }

  private async halt(before: TableMapping, change: SchemaChange): Promise<void> {
    const { deps, pipeline } = this;
    const { name } = pipeline;
    const reason = change.obstacles.join('; ');
    await pipeline.warehouse.stopTable(name, before.id, reason);
    if (!(await deps.store.replaceMapping(name, before, { ...before, halted: reason }))) return;
    this.logger.error({ table: before.id, error: reason }, 'table stopped: its schema changed in a way that only a new preload answers; accept or decline the proposal');
    deps.observer.tableStopped(name, before.id);
    await this.propose(before.id, change);
    tell(deps, { type: 'tables-changed', pipeline: name });
  }

  /** Once per change: what a person has decided is not asked again. */
  private async propose(table: string, change: SchemaChange): Promise<void> {
    const { store } = this.deps;
    const pipeline = this.pipeline.name;
    const [latest] = await store.readSchemaChanges({ pipeline, table, limit: 1 });
    if (latest !== undefined && latest.state !== 'followed' && sameChange(latest.change, told(change))) return;
    await store.addSchemaChange({ pipeline, table, state: 'proposed', change: told(change) });
  }

  /**
   * Tables that the pipeline file names no more. Mappings first: a crash after that leaves a publication that lists too
   * much and states that are found here again; the other way round events of a mapped table would be missing in silence.
   */
  private async letGo(stored: ReadonlyMap<string, TableMapping>): Promise<void> {
    const { deps, pipeline } = this;
    const { name, warehouse, settings } = pipeline;
    const remaining = [...stored.values()].filter((m) => isSelected(settings.selection, m.source));
    const left = (await warehouse.readTableStates(name)).map((s) => s.table).filter((table) => !stored.has(table));
    const removed = [...stored.keys()].filter((id) => !remaining.some((m) => m.id === id));
    if (remaining.length === 0 || removed.length + left.length === 0) return;
    if (removed.length > 0) {
      if ((await activeLoadRun(deps.store, name)) !== null || (await pipeline.mappings()) !== stored) return;
      await pipeline.setMappings(remaining);
    }
    const stream = await pipeline.stream();
    const { created } = await stream.prepare(remaining.filter((m) => m.halted === undefined));
    if (created) await deps.store.setGap(name, 'the replication slot at the source was gone and had to be made anew');
    await warehouse.forgetTables(name, [...removed, ...left]);
    this.logger.info({ tables: [...removed, ...left].join(', ') }, 'tables that the pipeline file names no more are let go; their warehouse tables stay');
    tell(deps, { type: 'tables-changed', pipeline: name });
  }

  /** Tables that are new in the pipeline: a run for these alone. */
  private async takeIn(stored: ReadonlyMap<string, TableMapping>, found: readonly SourceTable[]): Promise<void> {
    const { deps, pipeline } = this;
    const added = pipeline.mapTables(found).mappings.map((m) => m.id).filter((id) => !stored.has(id));
    if (added.length === 0) return;
    const runs = await deps.store.readRuns({ pipeline: pipeline.name, limit: RUNS_LOOKED_AT });
    if (!addedRunDue(added, runs, deps.clock())) return;
    try {
      const run = await deps.store.createRun({ pipeline: pipeline.name, reason: 'tables-added', tables: added });
      this.logger.info({ runId: run.id, tables: added.join(', ') }, 'run started by itself for tables that are new in the pipeline');
      tell(deps, { type: 'run-changed', pipeline: pipeline.name, runId: run.id });
    } catch (error) {
      if (!(error instanceof ElstreamError) || error.code !== 'RUN_ACTIVE') throw error;
    }
  }

  private warn(table: string, because: string, message: string): void {
    const now = this.deps.clock();
    const said = this.warned.get(`${table} ${because}`);
    this.logger[said === undefined || now - said >= WARN_EVERY_MS ? 'warn' : 'debug']({ table, because }, message);
    if (said === undefined || now - said >= WARN_EVERY_MS) this.warned = new Map([...this.warned, [`${table} ${because}`, now]]);
  }
}

const idOf = ({ schema }: SourceTable): string => tableId(schema);

const told = ({ added, dropped, widened, obstacles }: SchemaChange): Pick<SchemaChange, 'added' | 'dropped' | 'widened' | 'obstacles'> => ({ added, dropped, widened, obstacles });

function sameChange(a: ReturnType<typeof told>, b: ReturnType<typeof told>): boolean {
  return [...a.added, '', ...a.dropped, '', ...a.widened, '', ...a.obstacles].join('\0') === [...b.added, '', ...b.dropped, '', ...b.widened, '', ...b.obstacles].join('\0');
}

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailpointName } from '@elstream/core';
import { createTestDatabase, eventually, type OwnServer, type SeededRandom, type TestDatabase } from '@elstream/testing';
import { PipelineProcess } from './child-process';
import type { Ambush } from './child-settings';
import { compareSides, endOfLog, hasCaughtUp, type Booked } from './comparison';
import { createCountingSlot, dropCountingSlot } from './counting-slot';
import { createTables, startWriter, type Writer } from './writer';

const PIPELINE = 'crash';
const PUBLICATION = 'elstream_crash_publication';
/** A process that does not come to its failpoint within this long is stuck; generous, for machines under load. */
const PATIENCE_MS = 60_000;

export interface WorldOptions {
  readonly random: SeededRandom;
  /** Servers of one's own, to be restarted; default: the shared test server. */
  readonly source?: OwnServer;
  readonly warehouse?: OwnServer;
  readonly report?: (line: string) => void;
}

/** Transactions written in haste beside each process. */
const HASTE = 120;

/** What a world came to. */
export interface Verdict extends Booked {
  readonly transactions: number;
}

/**
 * Two databases, a pipeline between them whose processes die one after another, and a writer that never rests. An
 * independent second slot on the same publication, made when the pipeline was prepared and nothing had changed yet,
 * counts the events that there were.
 */
export class CrashWorld implements AsyncDisposable {
  /** Deaths that count: the process's own note says that it died there. */
  readonly kills = new Map<FailpointName, number>();
  readonly stops = new Map<FailpointName, number>();
  private readonly children: PipelineProcess[] = [];
  private readonly folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-crash-'));
  private writer: Writer | null = null;

  private constructor(
    readonly source: TestDatabase,
    readonly warehouse: TestDatabase,
    private readonly options: WorldOptions,
  ) {}

  /** The first process has died at `preload:epoch-raised`, the writer is at work. */
  static async open(options: WorldOptions): Promise<CrashWorld> {
    const { source, warehouse } = options;
    const world = new CrashWorld(
      await (source?.createDatabase('crash_src') ?? createTestDatabase('crash_src')),
      await (warehouse?.createDatabase('crash_wh') ?? createTestDatabase('crash_wh')),
      options,
    );
    try {
      await world.prepare();
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  private async prepare(): Promise<void> {
    await createTables(this.source);
    await this.killAt('preload:epoch-raised', 1);
    await createCountingSlot(this.source);
    this.writer = startWriter(this.source, this.options.random);
  }

  /** Starts a process and waits until it killed itself inside its `occurrence`-th passage of the failpoint. */
  async killAt(failpoint: FailpointName, occurrence: number): Promise<void> {
    const child = this.start({ failpoint, occurrence, signal: 'SIGKILL' });
    await child.diesAt(failpoint, { timeoutMs: PATIENCE_MS, unlessFails: this.writing });
    this.killed(failpoint, occurrence);
  }

  private killed(failpoint: FailpointName, occurrence: number): void {
    this.kills.set(failpoint, (this.kills.get(failpoint) ?? 0) + 1);
    this.options.report?.(`killed at ${failpoint} (passage ${String(occurrence)})`);
  }

  private get writing(): Promise<unknown> {
    return this.writer?.done ?? new Promise(() => undefined);
  }

  /**
   * Starts a process that stops inside the failpoint, another one beside it that dies at `thenKilledAt`, then lets the
   * first go on as a zombie beside a third, until that one dies too.
   */
  async stopAt(failpoint: FailpointName, thenKilledAt: readonly [FailpointName, FailpointName]): Promise<void> {
    const zombie = this.start({ failpoint, occurrence: 1, signal: 'SIGSTOP' });
    await zombie.stopsAt(failpoint, { timeoutMs: PATIENCE_MS, unlessFails: this.writing });
    await this.killAt(thenKilledAt[0], 1);
    const third = this.start({ failpoint: thenKilledAt[1], occurrence: 2, signal: 'SIGKILL' });
    zombie.send('SIGCONT');
    // The zombie may win the slot or the last task, then the third one has nothing to die at: the zombie goes first.
    await eventually(() => !third.alive, { timeoutMs: 3_000 }).catch(() => undefined);
    if (!zombie.alive) throw new Error(`the stopped process ended by itself when it went on\n${zombie.log.slice(-4_000)}`);
    await zombie.kill();
    await third.diesAt(thenKilledAt[1], { timeoutMs: PATIENCE_MS, unlessFails: this.writing });
    this.killed(thenKilledAt[1], 2);
    this.stops.set(failpoint, (this.stops.get(failpoint) ?? 0) + 1);
    this.options.report?.(`stopped at ${failpoint}, went on beside others`);
  }

  /** Does something to the databases under a working process, which has to bear it and to end well when told to. */
  async disturb(what: string, action: () => Promise<void>): Promise<void> {
    const child = this.start(null, true);
    await eventually(() => child.log.includes('stream reads'), { timeoutMs: PATIENCE_MS, describe: 'a process reading the stream', unlessFails: this.writing });
    await action();
    await sleep(this.options.random.int(500, 3_000));
    await child.stop();
    this.options.report?.(what);
  }

  /** The writer stops, a last process runs until nothing is left to do, then both sides and both counts are compared. Throws at any difference. */
  async settle(): Promise<Verdict> {
    await this.writer?.stop();
    const last = this.start(null);
    await this.catchesUp(last);
    await last.stop();
    return { ...(await compareSides(this, PUBLICATION)), transactions: this.writer?.transactions ?? 0 };
  }

  /** No run is active and the checkpoint is above everything written. */
  private async catchesUp(last: PipelineProcess): Promise<void> {
    const end = await endOfLog(this.source);
    await eventually(
      async () => {
        if (!last.alive) throw new Error('the last process ended');
        return hasCaughtUp(this.warehouse, end);
      },
      { timeoutMs: 2 * PATIENCE_MS, intervalMs: 100, describe: 'the last process catching up' },
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${last.log.slice(-6_000)}`, { cause: error });
    });
  }

  private start(ambush: Ambush | null, keepRunning = ambush !== null): PipelineProcess {
    const n = this.children.length;
    const child = new PipelineProcess({ yaml: this.yaml(), ambush, keepRunning, marker: path.join(this.folder, `${String(n)}.mark`), logFile: path.join(this.folder, `${String(n)}.log`) });
    this.children.push(child);
    this.writer?.hurry(HASTE);
    return child;
  }

  private yaml(): string {
    return `
name: ${PIPELINE}
source: { url: '${this.source.url}', transactionWaitMs: 20s }
warehouse: { url: '${this.warehouse.url}' }
tables: { include: ['public.*'] }
defaults: { chunkRows: 500 }
stream: { counterIntervalMs: 200, maxBatchEvents: 400, lingerMs: 10, publicationName: ${PUBLICATION}, slotName: ${this.source.name}_slot }
validate: { maxRereads: 3 }
`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.children.map((child) => child.kill()));
    await this.writer?.stop().catch(() => undefined);
    await dropCountingSlot(this.source);
    await this.source.drop();
    await this.warehouse.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

import { type ConnectorView } from '@elstream/change-stream';
import { tableId, backoffMs, ElstreamError, recoveryOf, sleep, systemClock, type Clock, type Logger, type TableMapping } from '@elstream/core';
import { committedOffset, ConnectClient, configDifferences, explainFailure, JsonNumber, planConnector, type CapturedTable, type CommittedOffset, type ConnectorPlan, type ConnectorStatus, type FailureExplanation, type PlanOptions, type SourceOffset } from '@elstream/debezium';
import { type CaptureConnector, type ConnectorHealth, type ConnectorOperations, type ExpectedSettings } from './connector';
import { viewOf } from './connector-view';
import { schemaHistoryTopic, type KafkaStreamOptions } from './options';
import { STALL_MS, StallWatch } from './stall-watch';

/** A connector that Kafka Connect runs. */
export function connectConnector(options: KafkaStreamOptions, logger: Logger): CaptureConnector {
  return new ConnectConnector(options, new ConnectClient(options.connect), logger);
}

const POLL_MS = 200;
const PATIENCE_MS = 20_000;
const RAISE_MS = 1_000;
const BACKOFF = { minMs: 2_000, maxMs: 60_000 } as const;
/** A connector that ran this long after it was started again has recovered. */
const HEALTHY_MS = 120_000;

const SILENT =
  'its settings are accepted, so it hangs, or works on one very large transaction; restart it (POST /api/v1/pipelines/{name}/connector/restart), and if that does not help look at the log of the Connect worker (of PostgreSQL, an interval beyond 2562047788 hours hangs Debezium: correct the value or exclude the column)';

const KEY_SETTINGS: readonly string[] = ['message.key.columns', 'column.exclude.list'];
const LIST_SETTINGS: Readonly<Record<string, string>> = { 'table.include.list': ',', 'column.exclude.list': ',', 'message.key.columns': ';' };

class ConnectConnector implements CaptureConnector {
  readonly name: string;
  private readonly clock: Clock;
  private restarts = 0;
  private restartAt = 0;
  private readonly stall = new StallWatch();
  private cause: { readonly text: string; readonly until: number } | null = null;
  readonly operate: ConnectorOperations = {
    show: (plan) => this.show(plan),
    restart: () => this.restart(),
    update: (plan) => this.update(plan),
  };

  constructor(
    private readonly options: KafkaStreamOptions,
    private readonly client: ConnectClient,
    private readonly logger: Logger,
  ) {
    this.name = options.connect.connector;
    this.clock = options.clock ?? systemClock;
  }

  plan(tables: readonly TableMapping[]): ConnectorPlan {
    return planConnector(planOptions(this.options, tables));
  }

  async prepare(plan: ConnectorPlan, anew: boolean, raise: () => Promise<void>): Promise<boolean> {
    const { client, name } = this;
    const running = await patiently(() => client.config(name));
    const delivered = running !== null && (await patiently(() => this.committed())) !== null;
    if (running === null || anew) await this.beginAnew(plan, raise);
    else if (configDifferences(...comparable({ config: plan.config, complete: true }, running)) !== null) {
      // Only where something changed: an update starts the task again.
      this.logger.info({ connector: name }, 'the settings of the connector change');
      await patiently(() => client.put(name, plan.config));
    }
    if ((await patiently(() => client.status(name)))?.state !== 'RUNNING') await patiently(() => client.resume(name));
    await this.untilDelivered(plan, raise);
    return running === null || anew || !delivered;
  }

  /**
   * Offsets of a connector of that name outlive it: they would hide that capture begins here. The number raised between is
   * one that is never delivered: if this process ends before the gap is declared, the counter tells it (R3 a).
   */
  private async beginAnew({ config }: ConnectorPlan, raise: () => Promise<void>): Promise<void> {
    const { client, name } = this;
    await patiently(async () => {
      if ((await client.config(name)) === null) await client.createStopped(name, config);
      else await client.stop(name);
    });
    await this.forget();
    await patiently(() => client.put(name, config));
    await raise();
    await patiently(() => client.resume(name));
  }

  async halt(): Promise<void> {
    await patiently(async () => {
      if ((await this.client.config(this.name)) !== null) await this.client.stop(this.name);
    });
  }

  /** Connect refuses it as long as the tasks have not ended. */
  private async forget(): Promise<void> {
    const deadline = this.clock() + this.startTimeoutMs;
    for (;;) {
      try {
        if ((await this.client.offsets(this.name))?.length !== 0) await this.client.deleteOffsets(this.name);
        return;
      } catch (error) {
        if (this.clock() >= deadline || !(error instanceof ElstreamError)) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  /** R4 step 0, bounded. An offset is stored with the record that follows: something is written until one is there. */
  private async untilDelivered(plan: ConnectorPlan, raise: () => Promise<void>): Promise<void> {
    const start = this.clock();
    for (let raisedAt = start; ; ) {
      const status = await patiently(() => this.client.status(this.name, plan.config));
      const failure = failureOf(status);
      if (failure !== null && failure.kind !== 'retry') throw new ElstreamError('CONNECTOR_FAILED', 'stop', describeFailure(this.name, failure), { place: { setting: 'stream.connect' } });
      if (failure !== null) await this.revive();
      const running = failure === null && status !== null && status.tasks.length > 0 && status.tasks.every(({ state }) => state === 'RUNNING');
      if (running && (await patiently(() => this.committed())) !== null) break;
      const now = this.clock();
      if (now - start > this.startTimeoutMs) {
        const why = failure === null ? `it is ${status === null ? 'gone' : `${status.state}, its tasks ${status.tasks.map(({ state }) => state).join(', ') || 'none'}`}; ${await this.causeOfSilence(plan.config)}` : describeFailure(this.name, failure);
        throw new ElstreamError('CONNECTOR_NOT_RUNNING', 'retry', `the connector ${this.name} has delivered nothing within ${String(this.startTimeoutMs)} ms: ${why}`);
      }
      if (running && now - raisedAt >= RAISE_MS) {
        await raise();
        raisedAt = now;
      }
      await sleep(POLL_MS);
    }
    this.logger.info({ connector: this.name, ms: this.clock() - start }, 'the connector is confirmed running');
  }

  async health(expected: ExpectedSettings | null, raised: bigint | null): Promise<ConnectorHealth> {
    const [config, status] = await Promise.all([this.client.config(this.name), this.client.status(this.name)]);
    // Not the status: a worker that is just starting answers for settings only once it has read them, but 404 for states that it has not read yet.
    if (config === null) return { exists: false, committed: null, confirmable: null, gap: null, trouble: null };
    const offsets = await this.client.offsets(this.name);
    const committed = committedOffset(offsets, this.options.capture.endpoint.connector);
    const failure = failureOf(status);
    const lost = failure?.kind === 'gap' ? describeFailure(this.name, failure) : null;
    const stalledMs = raised === null ? 0 : this.stall.look({ delivered: textOf(offsets), raised, at: this.clock() });
    const trouble = this.troubleOf(status, failure) ?? (stalledMs < STALL_MS ? null : await this.silence(status?.tasks ?? [], config, stalledMs)) ?? this.foreignSettings(expected, config);
    return { exists: true, committed, confirmable: confirmableOf(offsets), gap: lost, trouble };
  }

  private async silence(tasks: ConnectorStatus['tasks'], config: Config, ms: number): Promise<string> {
    const states = tasks.map(({ state }) => state).join(', ') || 'none';
    return `the connector ${this.name} has delivered nothing for ${String(Math.round(ms / 1_000))} s although the counter row at the source is raised (tasks: ${states}): ${await this.causeOfSilence(config)}`;
  }

  /**
   * A task that cannot begin (host, password) is never FAILED, and one that hangs says nothing: the plugin is asked to
   * check the settings, for which it connects to the source. At most once a minute: that may take long.
   */
  private async causeOfSilence(config: Config): Promise<string> {
    const now = this.clock();
    if (this.cause !== null && now < this.cause.until) return this.cause.text;
    let text: string;
    try {
      const said = Object.values(await this.client.validate(this.name, config)).flat();
      const { reason, remedy } = explainFailure(said.join('\n'));
      text = said.length > 0 ? `${reason}; ${remedy}` : SILENT;
    } catch (error) {
      if (!(error instanceof ElstreamError)) throw error;
      text = `Kafka Connect could not check its settings (${error.message}); look at the log of the Connect worker`;
    }
    this.cause = { text, until: now + STALL_MS };
    return text;
  }

  private async show(plan: ConnectorPlan): Promise<ConnectorView> {
    const [config, status] = await Promise.all([this.client.config(this.name), this.client.status(this.name, plan.config)]);
    const differences = config === null ? null : configDifferences(...comparable({ config: plan.config, complete: true }, config));
    return viewOf({ plan, status, committed: await this.committed(), differences });
  }

  /** One that is paused or stopped would stay so. */
  private async restart(): Promise<boolean> {
    const status = await this.client.status(this.name);
    if (status === null) return false;
    this.logger.info({ connector: this.name, state: status.state }, 'the connector is started again, as asked');
    await (status.state === 'PAUSED' || status.state === 'STOPPED' ? this.client.resume(this.name) : this.client.restart(this.name));
    return true;
  }

  private async update(plan: ConnectorPlan): Promise<boolean> {
    if ((await this.client.config(this.name)) === null) return false;
    this.logger.info({ connector: this.name }, 'the settings of the connector are put as planned, as asked');
    await this.client.put(this.name, plan.config);
    return true;
  }

  private troubleOf(status: ConnectorStatus | null, failure: FailureExplanation | null): string | null {
    if (failure !== null) return describeFailure(this.name, failure);
    if (status === null) return `Kafka Connect does not know the state of the connector ${this.name}: its worker has just been started, or nobody has ever run the connector`;
    const { state } = status;
    if (state === 'PAUSED' || state === 'STOPPED') return `the connector ${this.name} was ${state === 'PAUSED' ? 'paused' : 'stopped'} in Kafka Connect: resume it there (PUT /connectors/${encodeURIComponent(this.name)}/resume)`;
    return null;
  }

  private foreignSettings(expected: ExpectedSettings | null, config: Config): string | null {
    const differences = expected === null ? null : configDifferences(...comparable(expected, config));
    if (differences === null) return null;
    const names = [...differences.changed, ...differences.missing, ...differences.unexpected].join(', ');
    return `the connector ${this.name} has other settings than elstream gave it (${names}): start a run to prepare it again, and give settings of your own in the pipeline file`;
  }

  async committed(): Promise<CommittedOffset | null> {
    return committedOffset(await this.client.offsets(this.name), this.options.capture.endpoint.connector);
  }

  async revive(): Promise<void> {
    const failure = failureOf(await this.client.status(this.name));
    if (failure?.kind !== 'retry') return;
    const now = this.clock();
    if (now < this.restartAt) return;
    this.restarts = now - this.restartAt > HEALTHY_MS ? 1 : this.restarts + 1;
    this.restartAt = now + backoffMs(this.restarts, BACKOFF);
    this.logger.warn({ connector: this.name, restarts: this.restarts }, `${describeFailure(this.name, failure)}`);
    await this.client.restart(this.name, { onlyFailed: true });
  }

  async drop(): Promise<void> {
    if ((await patiently(() => this.client.config(this.name))) === null) return;
    await this.halt();
    await this.forget();
    await patiently(() => this.client.delete(this.name));
  }

  private get startTimeoutMs(): number {
    return this.options.connect.startTimeoutMs ?? 120_000;
  }
}

/** A group of workers that rebalances answers with errors of many kinds for a while. */
async function patiently<T>(step: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(POLL_MS)) {
    try {
      return await step();
    } catch (error) {
      if (recoveryOf(error) !== 'retry' || Date.now() >= deadline) throw error;
    }
  }
}

function planOptions(options: KafkaStreamOptions, tables: readonly TableMapping[]): PlanOptions {
  const { capture, connect, pipeline, topicPrefix, topics, kafka } = options;
  const { endpoint, counter, names } = capture;
  const { host = endpoint.host, port = endpoint.port, tls, readReplica } = connect.source ?? {};
  const { user, password, database } = endpoint;
  const { schemas, compression, extra } = connect;
  const common = {
    pipeline,
    name: connect.connector,
    topicPrefix,
    source: { host, port, user, password, database, ...(tls === undefined ? {} : { tls }), ...(readReplica === undefined ? {} : { readReplica }) },
    tables: tables.map((mapping) => capturedTable(mapping, connect.excluded)),
    counterTable: { schema: counter.schema, name: counter.table },
    maxRequestBytes: topics.maxEventBytes ?? 16 << 20,
    ...(topics.replicas === undefined ? {} : { replicas: topics.replicas }),
    ...(schemas === undefined ? {} : { schemas }),
    ...(compression === undefined ? {} : { compression }),
    extra: { ...endpoint.settings, ...extra },
  };
  if (endpoint.connector === 'postgresql') return { ...common, connector: 'postgresql', slot: names['slot.name'] ?? '', publication: names['publication.name'] ?? '' };
  const { brokers = kafka.brokers, client } = connect.schemaHistory ?? {};
  return { ...common, connector: 'sqlserver', schemaHistory: { brokers, topic: schemaHistoryTopic(options), ...(client === undefined ? {} : { client }) } };
}

/** Always with its key: the mapping does not tell whether that is the primary key, and the two must agree (partition by key). */
function capturedTable(mapping: TableMapping, excluded: ((table: string) => readonly string[]) | undefined): CapturedTable {
  const without = excluded?.(tableId(mapping.source)) ?? [];
  return { ...mapping.source, key: mapping.key.map((index) => mapping.columns[index]?.source ?? ''), ...(without.length === 0 ? {} : { excluded: without }) };
}

type Config = Readonly<Record<string, string>>;

/** Lists without their order, which depends on who prepared; a comma or semicolon inside a name is escaped in them. */
function comparable({ config, complete }: ExpectedSettings, running: Config): [Config, Config] {
  const sorted = (settings: Config): Config =>
    Object.fromEntries(
      Object.entries(settings)
        .filter(([key]) => complete || !KEY_SETTINGS.includes(key))
        .map(([key, value]) => [key, key in LIST_SETTINGS ? value.split(LIST_SETTINGS[key] ?? '').sort().join() : value]),
    );
  return [sorted(config), sorted(running)];
}

function failureOf(status: ConnectorStatus | null): FailureExplanation | null {
  if (status === null) return null;
  const failed = [status, ...status.tasks].find(({ state }) => state === 'FAILED');
  return failed === undefined ? null : explainFailure(failed.trace ?? '');
}

function describeFailure(name: string, { reason, remedy }: FailureExplanation): string {
  return `the connector ${name} failed: ${reason}; ${remedy}`;
}

/** To be compared only. */
function textOf(offsets: readonly SourceOffset[] | null): string {
  return JSON.stringify(offsets, (_key, value: unknown) => (value instanceof JsonNumber ? value.text : value));
}

/**
 * PostgreSQL: the connector confirms to its slot what it has completely processed, which may lie inside a transaction,
 * above the commit that `committedOffset` names: the highest position of the offset counts.
 */
function confirmableOf(offsets: readonly SourceOffset[] | null): bigint | null {
  const positions = (offsets ?? []).flatMap(({ offset }) => ['lsn', 'lsn_proc', 'lsn_commit'].map((field) => offset[field]));
  const known = positions.flatMap((value) => (value instanceof JsonNumber ? [BigInt(value.text)] : []));
  return known.length === 0 ? null : known.reduce((max, value) => (value > max ? value : max));
}

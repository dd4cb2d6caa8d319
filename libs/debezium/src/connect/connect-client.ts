import { ElstreamError } from '@elstream/core';
import { type ConnectClientOptions } from './connect-client-options';
import { ConnectHttp, type HttpAnswer, messageOf } from './connect-http';
import { type ConnectorStatus, type ConnectPlugin, type ConnectState, type ConnectVersion, type SourceOffset, type ValidationErrors } from './connect-types';
import { type LosslessJson, parseLossless, stringifyLossless } from './lossless-json';
import { Redactor } from './secrets';

type Config = Readonly<Record<string, string>>;

/**
 * Kafka Connect's REST interface. Every method may throw ElstreamError CONNECT (retry): unreachable, too slow, or busy with
 * its group for longer than `rebalanceMs`; and CONNECT_REFUSED (refuse) with what Connect says. No secret is in a message.
 */
export class ConnectClient {
  private readonly http: ConnectHttp;

  constructor(options: ConnectClientOptions) {
    this.http = new ConnectHttp(options);
  }

  async version(): Promise<ConnectVersion> {
    const { version, kafka_cluster_id } = await this.json<{ version?: string; kafka_cluster_id?: string }>('GET', '');
    if (version === undefined) throw new ElstreamError('CONNECT_REFUSED', 'refuse', `what answers at ${this.http.place} is no Kafka Connect; check stream.connect`);
    return { version, kafkaClusterId: kafka_cluster_id ?? '' };
  }

  async plugins(): Promise<readonly ConnectPlugin[]> {
    const all = await this.json<readonly { class: string; type: string; version?: string }[]>('GET', 'connector-plugins');
    return all.map(({ class: name, type, version }) => ({ class: name, type, version: version ?? null }));
  }

  /** What the plugin of `config` says of its settings. It connects to the source for that. */
  async validate(name: string, config: Config): Promise<ValidationErrors> {
    const type = config['connector.class'] ?? '';
    const body = JSON.stringify({ ...config, name });
    const { configs } = await this.json<{ configs: readonly { value: { name: string; errors: readonly string[] } | null }[] }>('PUT', `connector-plugins/${encodeURIComponent(type)}/config/validate`, body, config);
    const redactor = new Redactor(config);
    return Object.fromEntries(configs.flatMap(({ value }) => (value === null || value.errors.length === 0 ? [] : [[value.name, value.errors.map((text) => redactor.redact(text))]])));
  }

  async names(): Promise<readonly string[]> {
    return this.json('GET', 'connectors');
  }

  /**
   * Creates the connector, or gives it new settings (its tasks start again).
   *
   * @throws ElstreamError CONNECT_REFUSED naming each setting that is not acceptable
   */
  async put(name: string, config: Config): Promise<void> {
    const answer = await this.http.ask('PUT', `connectors/${encodeURIComponent(name)}/config`, JSON.stringify(config));
    await this.refuseSettings(name, config, answer);
  }

  /**
   * Creates a connector that does not run yet, so that its offsets can be set before. One of that name must not exist.
   *
   * @throws ElstreamError CONNECT_REFUSED naming each setting that is not acceptable
   */
  async createStopped(name: string, config: Config): Promise<void> {
    const answer = await this.http.ask('POST', 'connectors', JSON.stringify({ name, config, initial_state: 'STOPPED' }));
    await this.refuseSettings(name, config, answer);
  }

  /** As it was given, secrets included; null: there is none of that name. Connect adds `name`. */
  async config(name: string): Promise<Config | null> {
    return this.jsonOrNull('GET', `connectors/${encodeURIComponent(name)}/config`);
  }

  /** Null: there is none of that name. `secretsOf`: settings whose secrets are taken out of traces. */
  async status(name: string, secretsOf: Config = {}): Promise<ConnectorStatus | null> {
    interface Part {
      readonly id?: number;
      readonly state: ConnectState;
      readonly trace?: string;
    }
    const status = await this.jsonOrNull<{ connector: Part; tasks: readonly Part[] }>('GET', `connectors/${encodeURIComponent(name)}/status`);
    if (status === null) return null;
    const redactor = new Redactor(secretsOf);
    const traceOf = ({ trace }: Part): string | null => (trace === undefined ? null : redactor.redact(trace));
    const tasks = status.tasks.map((task) => ({ id: task.id ?? 0, state: task.state, trace: traceOf(task) }));
    return { state: status.connector.state, trace: traceOf(status.connector), tasks };
  }

  /** Connector and tasks; `onlyFailed`: those of them that failed. */
  async restart(name: string, { onlyFailed = false }: { readonly onlyFailed?: boolean } = {}): Promise<void> {
    await this.call('POST', `connectors/${encodeURIComponent(name)}/restart?includeTasks=true&onlyFailed=${String(onlyFailed)}`);
  }

  async restartTask(name: string, task: number): Promise<void> {
    await this.call('POST', `connectors/${encodeURIComponent(name)}/tasks/${String(task)}/restart`);
  }

  /** Its tasks stay and do nothing, also over restarts of Connect. */
  async pause(name: string): Promise<void> {
    await this.call('PUT', `connectors/${encodeURIComponent(name)}/pause`);
  }

  async resume(name: string): Promise<void> {
    await this.call('PUT', `connectors/${encodeURIComponent(name)}/resume`);
  }

  /** Its tasks end; only so its offsets can be changed. */
  async stop(name: string): Promise<void> {
    await this.call('PUT', `connectors/${encodeURIComponent(name)}/stop`);
  }

  /** Null: no connector of that name; empty: it has delivered nothing yet, or its offsets were deleted. */
  async offsets(name: string): Promise<readonly SourceOffset[] | null> {
    const answer = await this.http.ask('GET', `connectors/${encodeURIComponent(name)}/offsets`);
    if (answer.status === 404) return null;
    const { offsets } = this.parse(this.checked(answer)) as unknown as { readonly offsets: readonly SourceOffset[] };
    return offsets;
  }

  /** Where it shall go on; the connector must be stopped. */
  async setOffsets(name: string, offsets: readonly SourceOffset[]): Promise<void> {
    const body = stringifyLossless({ offsets: offsets.map(({ partition, offset }) => ({ partition, offset })) });
    this.checked(await this.http.ask('PATCH', `connectors/${encodeURIComponent(name)}/offsets`, body));
  }

  /** The connector must be stopped. */
  async deleteOffsets(name: string): Promise<void> {
    await this.call('DELETE', `connectors/${encodeURIComponent(name)}/offsets`);
  }

  /** False: there was none of that name. Its offsets stay; see `deleteOffsets`. */
  async delete(name: string): Promise<boolean> {
    const answer = await this.http.ask('DELETE', `connectors/${encodeURIComponent(name)}`);
    if (answer.status === 404) return false;
    this.checked(answer);
    return true;
  }

  /**
   * Connect 4.3 answers 500 instead of 400 when a plugin's answer lacks the value of some setting (Debezium's does), and
   * says nothing of the settings then: the plugin is asked itself.
   */
  private async refuseSettings(name: string, config: Config, answer: HttpAnswer): Promise<void> {
    if (answer.status < 400) return;
    const errors = answer.status === 404 || !Object.hasOwn(config, 'connector.class') ? {} : await this.validate(name, config);
    const lines = Object.entries(errors).map(([key, messages]) => `${key}: ${messages.join(', ')}`);
    if (lines.length === 0) this.checked(answer, config);
    throw new ElstreamError('CONNECT_REFUSED', 'refuse', `Kafka Connect refuses connector ${name}: ${lines.join('; ')}`, { place: { setting: Object.keys(errors).join(', ') } });
  }

  private async call(method: string, path: string): Promise<void> {
    this.checked(await this.http.ask(method, path));
  }

  private async json<T>(method: string, path: string, body?: string, secretsOf: Config = {}): Promise<T> {
    return JSON.parse(this.checked(await this.http.ask(method, path, body), secretsOf)) as T;
  }

  private async jsonOrNull<T>(method: string, path: string): Promise<T | null> {
    const answer = await this.http.ask(method, path);
    return answer.status === 404 ? null : (JSON.parse(this.checked(answer)) as T);
  }

  private parse(text: string): LosslessJson {
    return parseLossless(text);
  }

  private checked({ status, text }: HttpAnswer, secretsOf: Config = {}): string {
    if (status < 400) return text;
    const said = new Redactor(secretsOf).redact(messageOf(text));
    if (status === 500) throw new ElstreamError('CONNECT', 'retry', `Kafka Connect at ${this.http.place} failed: ${said}`);
    throw new ElstreamError('CONNECT_REFUSED', 'refuse', `Kafka Connect at ${this.http.place} refuses: ${said}`);
  }
}

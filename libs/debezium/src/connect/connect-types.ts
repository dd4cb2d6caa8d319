import { type LosslessJson } from './lossless-json';

export type ConnectState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING' | 'DESTROYED';

export interface ConnectVersion {
  /** Of Kafka Connect. */
  readonly version: string;
  readonly kafkaClusterId: string;
}

export interface ConnectPlugin {
  readonly class: string;
  readonly type: string;
  readonly version: string | null;
}

export interface TaskStatus {
  readonly id: number;
  readonly state: ConnectState;
  /** Stack trace of a failed task, secrets taken out as far as the client knows them. */
  readonly trace: string | null;
}

export interface ConnectorStatus {
  readonly state: ConnectState;
  readonly trace: string | null;
  readonly tasks: readonly TaskStatus[];
}

/** Messages per setting that is not acceptable; empty: all are. */
export type ValidationErrors = Readonly<Record<string, readonly string[]>>;

/** Where a connector goes on, one entry per partition of its *source* (a database). */
export interface SourceOffset {
  readonly partition: Readonly<Record<string, LosslessJson>>;
  readonly offset: Readonly<Record<string, LosslessJson>>;
}

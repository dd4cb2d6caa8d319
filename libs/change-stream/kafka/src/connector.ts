import { type ConnectorView } from '@elstream/change-stream';
import { type TableMapping } from '@elstream/core';
import { type CommittedOffset, type ConnectorPlan } from '@elstream/debezium';

/** Where the connector stands, in one look. */
export interface ConnectorHealth {
  readonly exists: boolean;
  /** What it has acknowledged; null: nothing yet, or its offsets are gone. */
  readonly committed: CommittedOffset | null;
  /** No log position that it may have told the source it needs no more lies above; null with `committed`. */
  readonly confirmable: bigint | null;
  /** Why changes are missing from the topics, for people; null: none are known to be. */
  readonly gap: string | null;
  /** Why it does not run although nothing is lost, with the remedy; null: it does. */
  readonly trouble: string | null;
}

/** What the connector's settings ought to be. */
export interface ExpectedSettings {
  readonly config: ConnectorPlan['config'];
  /** False: keys and left-out columns are not known here, and are not compared. */
  readonly complete: boolean;
}

/** What a stream needs of the connector that writes its topics. */
export interface CaptureConnector {
  readonly name: string;
  /** Topics, and the form of values, for these tables. Pure. @throws ElstreamError CONNECTOR_PLAN (refuse) */
  plan(tables: readonly TableMapping[]): ConnectorPlan;
  /**
   * Registered with the plan's settings, running, and has an offset: capture is confirmed running (R4 step 0).
   *
   * @param anew what it captures was made anew: offsets from before would hide the gap, so they are deleted first
   * @param raise writes something for it to deliver
   * @returns whether capture begins here: an existing checkpoint then means a log gap
   */
  prepare(plan: ConnectorPlan, anew: boolean, raise: () => Promise<void>): Promise<boolean>;
  /** @param raised what the counter row at the source holds: where it grows and the offset does not, the connector hangs; null: not known */
  health(expected: ExpectedSettings | null, raised: bigint | null): Promise<ConnectorHealth>;
  committed(): Promise<CommittedOffset | null>;
  /** Stops it where there is one: what it captures from is made anew. */
  halt(): Promise<void>;
  revive(): Promise<void>;
  /** Absent: nobody may operate it from here. */
  readonly operate?: ConnectorOperations;
  /** With its offsets. Idempotent. */
  drop(): Promise<void>;
}

/** As `ConnectorControl`; false: there is no connector of that name. */
export interface ConnectorOperations {
  show(plan: ConnectorPlan): Promise<ConnectorView>;
  restart(): Promise<boolean>;
  update(plan: ConnectorPlan): Promise<boolean>;
}

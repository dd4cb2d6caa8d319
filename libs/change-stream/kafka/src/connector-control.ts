import { type CaptureSourceStatus, type ConnectorControl } from '@elstream/change-stream';
import { ElstreamError, type TableMapping } from '@elstream/core';
import { type ConnectorPlan } from '@elstream/debezium';
import { type ConnectorOperations } from './connector';

interface Controlled {
  readonly operate: ConnectorOperations;
  readonly plan: (tables: readonly TableMapping[]) => ConnectorPlan;
  /** What it captures from. */
  readonly captured: () => Promise<CaptureSourceStatus>;
}

/** `ConnectorControl` over what a connector's host can do. */
export function connectorControl(name: string, { operate, plan, captured }: Controlled): ConnectorControl {
  /** One that goes on after its slot is gone begins at the end of the log, or at a new slot: over the gap, without a word. */
  const mayGoOn = async (): Promise<void> => {
    const { state, reason } = await captured();
    if (state === 'ready') return;
    throw new ElstreamError('CONNECTOR_LOST', 'refuse', `the connector ${name} must not go on: ${reason ?? 'what it captures from is gone at the source'}; start a run, which makes capture anew and preloads the tables`);
  };
  const there = (found: boolean): void => {
    if (!found) throw new ElstreamError('CONNECTOR_MISSING', 'refuse', `there is no connector ${name} in Kafka Connect; start a run, which registers it`);
  };
  return {
    show: (tables) => operate.show(plan(tables)),
    async restart(): Promise<void> {
      await mayGoOn();
      there(await operate.restart());
    },
    async update(tables): Promise<void> {
      const planned = plan(tables);
      await mayGoOn();
      there(await operate.update(planned));
    },
  };
}

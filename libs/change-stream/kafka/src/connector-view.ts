import { type ConnectorView } from '@elstream/change-stream';
import { explainFailure, maskSecrets, type CommittedOffset, type ConfigDifferences, type ConnectorPlan, type ConnectorStatus } from '@elstream/debezium';

export interface ConnectorSeen {
  readonly plan: ConnectorPlan;
  /** Null: there is none. */
  readonly status: ConnectorStatus | null;
  readonly committed: CommittedOffset | null;
  readonly differences: ConfigDifferences | null;
}

export function viewOf({ plan, status, committed, differences }: ConnectorSeen): ConnectorView {
  return {
    name: plan.name,
    class: plan.config['connector.class'] ?? '',
    state: status?.state ?? null,
    tasks: (status?.tasks ?? []).map(({ id, state, trace }) => ({ id, state, failure: state === 'FAILED' ? words(trace) : null })),
    committed,
    planned: maskSecrets(plan.config),
    differences,
  };
}

function words(trace: string | null): string {
  const { reason, remedy } = explainFailure(trace ?? '');
  return `${reason}; ${remedy}`;
}

import { acceptSchemaChange, createRepairRun, createReplayRun, declineSchemaChange, discardDeadLetters, resetPipeline } from '@elstream/replication';
import { type Runtime } from '@elstream/runtime';
import { type Healing } from './services';

/** Mending and deciding, over a runtime. */
export function healingOf({ deps }: Pick<Runtime, 'deps'>): Healing {
  return {
    repair: (pipeline, from) => createRepairRun(deps, { pipeline, reason: 'repair', from }),
    replay: ({ pipeline, state: _parked, ...filter }) => createReplayRun(deps, { pipeline, filter }),
    discard: (filter, reason) => discardDeadLetters(deps, filter, reason),
    acceptSchemaChange: ({ id }) => acceptSchemaChange(deps, id),
    declineSchemaChange: ({ id }) => declineSchemaChange(deps, id),
    reset: (pipeline, { dropData, tables = [] }) => resetPipeline(deps, { pipeline, tables, dropData }),
  };
}

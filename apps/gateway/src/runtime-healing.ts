import { ElstreamError } from '@elstream/core';
import { type Runtime } from '@elstream/runtime';
import { type Healing } from './services';

const notBuilt = (what: string): Promise<never> => Promise.reject(new ElstreamError('NOT_BUILT', 'stop', `${what} is not built yet`));

/** Mending and deciding, over a runtime. */
export function healingOf(_runtime: Pick<Runtime, 'deps'>): Healing {
  return {
    repair: () => notBuilt('repair'),
    replay: () => notBuilt('replay'),
    acceptSchemaChange: () => notBuilt('accepting a schema change'),
    declineSchemaChange: () => notBuilt('declining a schema change'),
    reset: () => notBuilt('reset'),
  };
}

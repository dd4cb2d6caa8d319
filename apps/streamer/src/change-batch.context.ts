import { BaseRpcContext } from '@nestjs/microservices';
import type { ApplyContext } from '@elstream/replication';

/** The pattern under which batches are dispatched; the data are a `TakenBatch`. */
export const CHANGE_BATCH = 'change-batch';

/** What a batch is applied with: `@Ctx()` of a handler. */
export class ChangeBatchContext extends BaseRpcContext<[ApplyContext]> {
  get apply(): ApplyContext {
    return this.args[0];
  }
}

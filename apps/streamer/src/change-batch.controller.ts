import { Catch, Controller, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import type { Checkpoint } from '@elstream/core';
import { applyBatch, type TakenBatch } from '@elstream/replication';
import { CHANGE_BATCH, ChangeBatchContext } from './change-batch.context';

/** Nest's own filter would make every error an "Internal server error"; the stream handles it by its class. */
@Catch()
export class ErrorAsItIs implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/** Applies batches to the warehouse: rows, history and checkpoint in one transaction (R2). */
@Controller()
@UseFilters(new ErrorAsItIs())
export class ChangeBatchController {
  /** @returns the checkpoint to acknowledge, or null if another process moved it */
  @EventPattern<string>(CHANGE_BATCH)
  apply(@Payload() taken: TakenBatch, @Ctx() context: ChangeBatchContext): Promise<Checkpoint | null> {
    return applyBatch(context.apply, taken);
  }
}

import type { BatchResult, BatchWrite } from '@elstream/warehouse';
import type { ApplyContext } from './apply-batch';

/** Offers a batch, or a trial of one, to the warehouse. A truncate empties a table of any size. */
export async function writeBatch({ pipeline, longStep }: Pick<ApplyContext, 'pipeline' | 'longStep'>, write: BatchWrite): Promise<BatchResult> {
  const apply = (): Promise<BatchResult> => pipeline.warehouse.applyBatch(write);
  return write.tables.some(({ fold }) => fold.truncate !== null) ? longStep(apply) : apply();
}

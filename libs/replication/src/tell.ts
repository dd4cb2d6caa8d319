import type { ControlMessage } from '@elstream/control';
import { describeError } from '@elstream/core';
import type { ReplicationDeps } from './deps';

/** Says what changed without waiting for anybody: work goes on while the bus is away, the state is in the control tables. */
export function tell({ bus, logger }: Pick<ReplicationDeps, 'bus' | 'logger'>, message: ControlMessage): void {
  bus.publish(message).catch((error: unknown) => logger.debug({ pipeline: message.pipeline, error: describeError(error) }, 'other services could not be told; they find out when they look'));
}

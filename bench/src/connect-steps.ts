import { committedOffset, hasPassed, type ConnectClient, type ConnectState } from '@elstream/debezium';
import { type LogPosition } from '@elstream/core';
import { scalar, until, withClient } from './sql';

/** Throws with the trace of the part that failed. */
export async function untilTasksAre(connect: ConnectClient, name: string, state: ConnectState): Promise<void> {
  await until(`${name} to be ${state}`, async () => {
    const status = await connect.status(name);
    const failed = status?.tasks.find((task) => task.state === 'FAILED');
    if (failed !== undefined) throw new Error(`${name} failed: ${failed.trace ?? ''}`);
    return status !== null && status.tasks.length > 0 && status.tasks.every((task) => task.state === state);
  });
}

/** Resolves when everything that committed up to `position` is acknowledged in its topics. */
export async function untilDelivered(connect: ConnectClient, name: string, position: LogPosition): Promise<void> {
  await until(`${name} to deliver`, async () => {
    const committed = committedOffset(await connect.offsets(name), 'postgresql');
    return committed !== null && hasPassed(committed, position);
  }, { everyMs: 250 });
}

/** With its offsets, which would outlive it, and once its slot is free. */
export async function removeConnector(connect: ConnectClient, name: string): Promise<void> {
  if ((await connect.config(name)) === null) return;
  await connect.stop(name);
  await until(`${name} to stop`, async () => (await connect.status(name))?.tasks.length === 0);
  await connect.deleteOffsets(name);
  await connect.delete(name);
}

export async function untilSlotIs(url: string, slot: string, active: boolean): Promise<void> {
  await withClient(url, (client) => until(`the slot ${slot}`, async () => ((await scalar(client, `SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active`, [slot])) !== null) === active));
}

import { deliveryContract, orderContract } from './delivery';
import { closingContract, failureContract } from './failure';
import type { MakeQueue } from './harness';
import { rateContract } from './rate';
import { endingRepeatContract, repeatingContract } from './repeating';

/**
 * What every `JobQueue` adapter must do, as a jest suite for the adapter's spec to call. It speaks to jest through its
 * globals only, so that importing this package outside a test loads no test code but these few functions.
 *
 * @param makeQueue an empty queue per call that shares nothing with any other; the suite closes it
 */
export function jobQueueContract(name: string, makeQueue: MakeQueue): void {
  describe(`${name} as a job queue`, () => {
    describe('delivering', () => deliveryContract(makeQueue));
    describe('order and repetition', () => orderContract(makeQueue));
    describe('limiting the rate', () => rateContract(makeQueue));
    describe('failing', () => failureContract(makeQueue));
    describe('closing', () => closingContract(makeQueue));
    describe('repeating', () => repeatingContract(makeQueue));
    describe('ending a repeat', () => endingRepeatContract(makeQueue));
  });
}

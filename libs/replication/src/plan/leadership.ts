import { describeError, type Clock, type Logger } from '@elstream/core';
import type { ControlStore } from '@elstream/control';

export interface LeadershipOptions {
  readonly store: Pick<ControlStore, 'lead' | 'resign'>;
  readonly role: string;
  readonly holder: string;
  /** The lead is renewed every third of this and believed in for this long after the last renewal was asked for, milliseconds. */
  readonly leaseMs: number;
  /** Take the lead at the start whoever has it: the caller is the only one of its kind that lives. */
  readonly steal: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly changed?: (leads: boolean) => void;
}

/** Who does not lead asks at least this often, so that a resigned lead is taken up at once, milliseconds. */
const ASK_MS = 1_000;

/**
 * Whether this process leads in a role. The belief ends by our own clock, counted from before the last renewal was asked
 * for, so never later than at the server: a process that cannot renew stops leading even while nothing answers.
 */
export class Leadership {
  private steal: boolean;
  private heldUntil = Number.NEGATIVE_INFINITY;
  private askAt = Number.NEGATIVE_INFINITY;
  private said = false;

  constructor(private readonly options: LeadershipOptions) {
    this.steal = options.steal;
  }

  get leads(): boolean {
    return this.options.clock() < this.heldUntil;
  }

  /** Takes or renews the lead when that is due. Never throws. */
  async keep(): Promise<boolean> {
    const { store, role, holder, leaseMs, clock, logger } = this.options;
    const now = clock();
    if (now < this.askAt && (this.leads || !this.said)) return this.leads;
    let everyMs = Math.min(ASK_MS, leaseMs / 3);
    try {
      if (await store.lead(role, holder, leaseMs, { steal: this.steal })) {
        this.heldUntil = now + leaseMs;
        this.steal = false;
        everyMs = leaseMs / 3;
      } else {
        this.heldUntil = Number.NEGATIVE_INFINITY;
      }
    } catch (error) {
      logger.debug({ role, error: describeError(error) }, 'the lead could not be asked for');
    }
    this.askAt = now + everyMs;
    this.say();
    return this.leads;
  }

  /** Lets another take over without waiting. Never throws. */
  async resign(): Promise<void> {
    const { store, role, holder, logger } = this.options;
    const led = this.leads;
    this.heldUntil = Number.NEGATIVE_INFINITY;
    this.say();
    if (!led) return;
    try {
      await store.resign(role, holder);
    } catch (error) {
      logger.debug({ role, error: describeError(error) }, 'the lead could not be resigned; it runs out');
    }
  }

  private say(): void {
    if (this.leads === this.said) return;
    this.said = this.leads;
    this.options.changed?.(this.said);
    this.options.logger.info({ role: this.options.role }, this.said ? 'leads' : 'leads no more');
  }
}

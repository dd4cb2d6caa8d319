/** A server asks for a reply after half its timeout of silence; we report three times as often. Sooner is unusual. */
const USUAL_SHARE = 4;
/** How long the consumer has to make everything durable before we stop holding the server up, ms. */
const GRACE_MS = 2_000;
/** Requests in a row before we believe it. */
const REQUESTS = 3;

/**
 * Recognises a server that shuts down. It waits, without limit, for each replication connection to confirm the end of
 * its log; a consumer that cannot (its own database going down as well) would hang it for ever. It shows by asking
 * for replies again and again right after each.
 */
export class ShutdownWatch {
  private since = 0;
  private last = 0;
  private requests = 0;

  constructor(private readonly timeoutMs: number) {}

  get suspected(): boolean {
    return this.requests >= REQUESTS;
  }

  /** Takes a reply request in. True: the grace is over, leave. @param lastSentAt when our last status update went out */
  requested(nowMs: number, lastSentAt: number): boolean {
    if (nowMs - lastSentAt > this.timeoutMs / USUAL_SHARE || nowMs - this.last > GRACE_MS) this.requests = 0;
    this.last = nowMs;
    if (this.requests === 0) this.since = nowMs;
    this.requests += 1;
    return this.suspected && nowMs - this.since > GRACE_MS;
  }
}

/** Where Connect is and how patient we are. */
export interface ConnectClientOptions {
  /** Of its REST interface, without a slash at the end. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Per request; validation connects to the source, so not too short. Default 90,000 ms. */
  readonly timeoutMs?: number;
  /** How long "409 rebalance in progress" is waited out. Default 30,000 ms. */
  readonly rebalanceMs?: number;
  /** Ends requests and waits. */
  readonly signal?: AbortSignal;
}

export const LIMITS = { timeoutMs: 90_000, rebalanceMs: 30_000, backoff: { minMs: 100, maxMs: 2_000 } } as const;

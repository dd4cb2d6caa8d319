/** R14: `ok` nothing to say, `warn` say it, `resume` lift the pause, `drop` drop the slot and declare a log gap. */
export type WalDecision = 'ok' | 'warn' | 'resume' | 'drop';

export interface WalState {
  /** Bytes of log the source retains for us; null: unknown or nothing retained. */
  readonly retainedBytes: number | null;
  /** 0: there is none. */
  readonly limitBytes: number;
  readonly policy: 'drop' | 'resume';
  readonly paused: boolean;
  /** For how long the limit has been exceeded while not paused, milliseconds; 0 at the first look. */
  readonly exceededForMs: number;
  /** How long a resumed stream may take to come below the limit. */
  readonly graceMs: number;
}

/** The source's disk is never filled (R14). Pure. */
export function guardWal(state: WalState): WalDecision {
  const { retainedBytes, limitBytes } = state;
  if (retainedBytes === null || limitBytes === 0 || retainedBytes < limitBytes / 2) return 'ok';
  if (retainedBytes < limitBytes) return 'warn';
  switch (state.policy) {
    case 'drop':
      return 'drop';
    case 'resume':
      if (state.paused) return 'resume';
      return state.exceededForMs < state.graceMs ? 'warn' : 'drop';
  }
  return state.policy satisfies never;
}

/**
 * Exact explicit-state search, breadth first: every state is stored byte for byte (no hashing away of differences),
 * so "holds" means that every reachable state was looked at, and a counterexample is a shortest one.
 */

/** `open`: work is left; `quiesced`: nothing is in flight and both sides were found equal. */
export type Verdict = 'open' | 'quiesced' | { readonly problem: string };

export interface Model {
  /** Bytes of one state. */
  readonly size: number;
  initialStates(): Iterable<Uint8Array>;
  /** Emits every successor; the array passed to `emit` is reused. Labels are made only where `labelled` is true. */
  next(state: Uint8Array, emit: (successor: Uint8Array, label: string) => void, labelled: boolean): void;
  check(state: Uint8Array): Verdict;
  /** Why a state without successors is wrong; null where it is a proper end. */
  stuck(state: Uint8Array): string | null;
  show(state: Uint8Array): string;
}

export interface Limits {
  readonly maxStates: number;
  readonly maxMs: number;
}

export interface Exploration {
  readonly states: number;
  readonly edges: number;
  readonly quiesced: number;
  readonly ms: number;
  /** `incomplete`: a limit was reached before every state was seen. */
  readonly outcome: 'holds' | 'violated' | 'incomplete';
  readonly problem: string | null;
  /** The shortest way to the problem, one line per step; empty where there is none. */
  readonly trace: readonly string[];
}

// a local: under Jest every use of a global is a slow lookup, and the hash uses it twice per byte
const { imul } = Math;
const PAGE_BITS = 14;
const PAGE_STATES = 1 << PAGE_BITS;

/** All states seen, in pages, with an open-addressing table of their ids; each knows the state it was reached from. */
class StateStore {
  count = 0;
  private table = new Int32Array(1 << 16);
  private readonly pages: Uint8Array[] = [];
  private readonly parents: Int32Array[] = [];

  constructor(private readonly size: number) {}

  /** The new state's id, or -1 if it is known. */
  add(state: Uint8Array, parent: number): number {
    let slot = this.hash(state, 0) & (this.table.length - 1);
    for (let entry = this.entry(slot); entry !== 0; entry = this.entry(slot)) {
      if (this.equals(entry - 1, state)) return -1;
      slot = (slot + 1) & (this.table.length - 1);
    }
    const id = this.count++;
    const pageNo = id >>> PAGE_BITS;
    if (pageNo === this.pages.length) {
      this.pages.push(new Uint8Array(PAGE_STATES * this.size));
      this.parents.push(new Int32Array(PAGE_STATES));
    }
    this.page(pageNo).set(state, (id & (PAGE_STATES - 1)) * this.size);
    (this.parents[pageNo] as Int32Array)[id & (PAGE_STATES - 1)] = parent;
    this.table[slot] = id + 1;
    if (this.count > this.table.length * 0.6) this.grow();
    return id;
  }

  read(id: number, into: Uint8Array): void {
    const offset = (id & (PAGE_STATES - 1)) * this.size;
    into.set(this.page(id >>> PAGE_BITS).subarray(offset, offset + this.size));
  }

  parent(id: number): number {
    return (this.parents[id >>> PAGE_BITS] as Int32Array)[id & (PAGE_STATES - 1)] as number;
  }

  private page(n: number): Uint8Array {
    return this.pages[n] as Uint8Array;
  }

  private entry(slot: number): number {
    return this.table[slot] as number;
  }

  private equals(id: number, state: Uint8Array): boolean {
    const page = this.page(id >>> PAGE_BITS);
    const offset = (id & (PAGE_STATES - 1)) * this.size;
    for (let i = 0; i < this.size; i++) if (page[offset + i] !== state[i]) return false;
    return true;
  }

  private hash(bytes: Uint8Array, offset: number): number {
    let h = 0x811c9dc5;
    for (let i = 0; i < this.size; i++) {
      h = imul(h ^ (bytes[offset + i] as number), 0x01000193);
      h ^= h >>> 15;
    }
    h = imul(h ^ (h >>> 16), 0x85ebca6b);
    return (h ^ (h >>> 13)) >>> 0;
  }

  private grow(): void {
    const table = new Int32Array(this.table.length * 2);
    const mask = table.length - 1;
    for (let id = 0; id < this.count; id++) {
      let slot = this.hash(this.page(id >>> PAGE_BITS), (id & (PAGE_STATES - 1)) * this.size) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = id + 1;
    }
    this.table = table;
  }
}

/** Explores the model until it is exhausted, wrong, or a limit is reached. */
export function explore(model: Model, limits: Limits): Exploration {
  const started = Date.now();
  const store = new StateStore(model.size);
  const current = new Uint8Array(model.size);
  let edges = 0;
  let quiesced = 0;
  let at = -1;
  let bad: { readonly id: number; readonly problem: string } | null = null;
  const emit = (successor: Uint8Array): void => {
    edges += 1;
    const id = store.add(successor, at);
    if (id < 0) return;
    const verdict = model.check(successor);
    if (verdict === 'quiesced') quiesced += 1;
    else if (verdict !== 'open') bad ??= { id, problem: verdict.problem };
  };
  for (const state of model.initialStates()) emit(state);
  let head = 0;
  let outOfBudget = false;
  while (head < store.count && bad === null && !outOfBudget) {
    at = head;
    store.read(head++, current);
    const before = edges;
    model.next(current, emit, false);
    if (edges === before) {
      const problem = model.stuck(current);
      if (problem !== null) bad = { id: at, problem };
    }
    outOfBudget = (head & 0xfff) === 0 && (Date.now() - started > limits.maxMs || store.count > limits.maxStates);
  }
  const found = bad as { readonly id: number; readonly problem: string } | null;
  return {
    states: store.count,
    edges,
    quiesced,
    ms: Date.now() - started,
    outcome: found !== null ? 'violated' : outOfBudget ? 'incomplete' : 'holds',
    problem: found?.problem ?? null,
    trace: found === null ? [] : traceTo(model, store, found.id),
  };
}

function traceTo(model: Model, store: StateStore, last: number): string[] {
  const ids: number[] = [];
  for (let id = last; id >= 0; id = store.parent(id)) ids.unshift(id);
  const from = new Uint8Array(model.size);
  const to = new Uint8Array(model.size);
  store.read(ids[0] ?? last, to);
  const lines = [`init: ${model.show(to)}`];
  ids.slice(1).forEach((id, i) => {
    from.set(to);
    store.read(id, to);
    let label: string | null = null;
    model.next(
      from,
      (successor, text) => {
        if (label === null && Buffer.compare(successor, to) === 0) label = text;
      },
      true,
    );
    lines.push(`${String(i + 1).padStart(2)}. ${label ?? '?'}`);
  });
  return [...lines, `end: ${model.show(to)}`];
}

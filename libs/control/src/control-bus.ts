/** What services tell each other now. Nothing depends on a message arriving: the state is in the control tables. */
export type ControlMessage =
  | { readonly type: 'pipeline-changed'; readonly pipeline: string }
  | { readonly type: 'run-changed'; readonly pipeline: string; readonly runId: string }
  | { readonly type: 'tables-changed'; readonly pipeline: string };

export interface ControlBus {
  publish(message: ControlMessage): Promise<void>;
  /** Returns the function that ends the subscription. A listener that throws is logged and stays subscribed. */
  subscribe(listener: (message: ControlMessage) => void): () => void;
  close(): Promise<void>;
}

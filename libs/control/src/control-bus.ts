/** What services tell each other now. Nothing depends on a message arriving: the state is in the control tables. */
export type ControlMessage =
  | { readonly type: 'pipeline-changed'; readonly pipeline: string }
  | { readonly type: 'run-changed'; readonly pipeline: string; readonly runId: string }
  | { readonly type: 'tables-changed'; readonly pipeline: string };

/**
 * Every listener of every process hears each message once, the publisher's own listeners too, in the order of its
 * publisher and never inside its step. What is published while the bus's server is away is lost.
 */
export interface ControlBus {
  /** Resolves when the message was handed on or given up (said in the log); never rejects, and takes a second or two at most. */
  publish(message: ControlMessage): Promise<void>;
  /** Returns the function that ends the subscription. A listener that throws is logged and stays subscribed. */
  subscribe(listener: (message: ControlMessage) => void): () => void;
  close(): Promise<void>;
}

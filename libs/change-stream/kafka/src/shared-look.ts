/**
 * One look at a time: who asks while one is under way takes its answer. Only for what does nothing but grow, where an answer
 * of a moment ago is the same or less. A failure is that of all who waited; the next to ask looks anew.
 */
export function sharedLook<T>(look: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | null = null;
  return () => {
    underWay ??= look().finally(() => (underWay = null));
    return underWay;
  };
}

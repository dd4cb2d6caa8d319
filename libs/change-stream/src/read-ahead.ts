/**
 * Asks for the next item while the consumer works on the present one: decoding a batch overlaps applying the one
 * before. At most one item is held ahead (R11). `cancel` must make a pending read end.
 */
export async function* readAhead<T>(source: AsyncIterable<T>, cancel: () => void): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  const ask = (): Promise<IteratorResult<T>> => {
    const next = iterator.next();
    // Seen when it is its turn; the consumer may fail before that.
    next.catch(() => undefined);
    return next;
  };
  let next = ask();
  try {
    for (;;) {
      const item = await next;
      if (item.done === true) return;
      next = ask();
      yield item.value;
    }
  } finally {
    cancel();
    await iterator.return?.();
  }
}

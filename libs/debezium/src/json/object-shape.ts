import { Token, type JsonScanner } from './json-scanner';

/** `ObjectShape.next`: no member is left. */
export const END = -1;
/** A member nobody asked for: skip its value. */
export const UNWANTED = -2;

/**
 * The members of one kind of object. They come in the same order record after record, so each name is guessed from its
 * place and compared as bytes; a wrong guess is read the long way and becomes the next guess. The guess never decides
 * what a value means: only bytes that equal the name, quotes and colon included, count.
 */
export class ObjectShape {
  private readonly names: Uint8Array[] = [];
  private readonly slots: number[] = [];

  /** @param wanted name → slot, 0 or above */
  constructor(private readonly wanted: ReadonlyMap<string, number>) {}

  /** Inside an object, before its `index`-th member: passes the name and returns its slot, UNWANTED, or END after the object. */
  next(scanner: JsonScanner, index: number): number {
    if (!scanner.more(index === 0)) return END;
    const guess = this.names[index];
    if (guess !== undefined && scanner.take(guess)) return this.slots[index] ?? UNWANTED;
    return this.learn(scanner, index);
  }

  private learn(scanner: JsonScanner, index: number): number {
    const from = scanner.pos;
    if (scanner.value() !== Token.String) scanner.fail('a member has no name');
    const slot = this.wanted.get(scanner.text()) ?? UNWANTED;
    scanner.colon();
    this.names[index] = scanner.copyFrom(from);
    this.slots[index] = slot;
    return slot;
  }
}

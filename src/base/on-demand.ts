/**
 * What `make` makes, for whoever asks: the same while somebody holds it, made again once it was forgotten. For what is
 * large and seldom needed, such as the schema of a file that is read at a start: each part of one takes a kilobyte.
 */
export function onDemand<T extends object>(make: () => T): () => T {
  let last: WeakRef<T> | undefined;
  return () => {
    const held = last?.deref();
    if (held !== undefined) return held;
    const made = make();
    last = new WeakRef(made);
    return made;
  };
}

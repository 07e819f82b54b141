/** Milliseconds after which what follows a collection (judging, sending, telling users) is over. */
const AFTER_MS = 3_000;

/**
 * Gives memory back soon; called again meanwhile, once. The engine would do so when it next needs memory, which an idle
 * agent does not for hours. Only a packaged agent can (packaging/build/parts.ts); 40 ms of work.
 */
export function createTidying(): () => void {
  const collect = globalThis.gc;
  let isComing = false;
  return () => {
    if (collect === undefined || isComing) return;
    isComing = true;
    setTimeout(() => {
      isComing = false;
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    }, AFTER_MS).unref();
  };
}

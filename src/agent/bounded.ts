/**
 * Work that is told to stop after `ms`, or by `outer`, and left to itself when it has not ended `graceMs` later.
 * Rejects with the reason of `outer` or with a sentence about the time.
 */
export async function bounded<T>(
  during: (signal: AbortSignal) => Promise<T>,
  ms: number,
  graceMs: number,
  outer?: AbortSignal,
): Promise<T> {
  const control = new AbortController();
  const left = Promise.withResolvers<never>();
  let grace: NodeJS.Timeout | undefined;
  const stop = (reason: unknown) => {
    grace ??= setTimeout(() => left.reject(reason), graceMs);
    control.abort(reason);
  };
  const limit = setTimeout(() => stop(new Error(`No answer within ${ms / 1_000} s.`)), ms);
  const onOuter = () => stop(outer?.reason);
  outer?.addEventListener('abort', onOuter, { once: true });
  if (outer?.aborted) onOuter();
  try {
    return await Promise.race([during(control.signal), left.promise]);
  } finally {
    clearTimeout(limit);
    clearTimeout(grace);
    outer?.removeEventListener('abort', onOuter);
  }
}

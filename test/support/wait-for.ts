/** Waits until `check` answers something true, and gives that back; a busy machine has `seconds` for it. */
export async function waitFor<T>(
  what: string,
  check: () => T | Promise<T>,
  seconds = 30,
): Promise<NonNullable<T>> {
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const value = await check();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${seconds} s in vain for ${what}`);
}

/** The server cannot start. The message is for a person and says what to do. */
export class StartError extends Error {
  override name = 'StartError';
}

/** Does what may fail; if it does, closes what was open already. */
export async function closedOnFailure<T>(close: () => Promise<void>, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await close();
    throw error;
  }
}

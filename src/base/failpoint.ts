/**
 * Named places between two effects, at which a test can stop the program as a crash would. They are an object that
 * whoever builds a part hands in: no environment variable, argument or file of a running daemon can arm one.
 */
export interface Failpoints {
  reach(point: string): Promise<void>;
}

/** What everybody but a test hands in. */
export const noFailpoints: Failpoints = {
  async reach() {},
};

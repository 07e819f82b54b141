/** The value that a text is JSON of, or undefined when it is none. A byte order mark before it is forgiven. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

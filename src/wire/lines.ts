/**
 * Cuts a stream of bytes into lines (UTF-8, ended by a newline). A line that has more than `max` bytes ends it: from
 * then on every push answers null, and nothing is kept.
 */
export function lineCutter(max: number): (chunk: Buffer) => string[] | null {
  let parts: Buffer[] = [];
  let length = 0;
  let broken = false;
  return (chunk) => {
    const lines: string[] = [];
    let from = 0;
    while (!broken) {
      const end = chunk.indexOf(0x0a, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      length += part.length;
      broken = length > max;
      if (broken) break;
      parts.push(part);
      if (end < 0) return lines;
      lines.push(Buffer.concat(parts).toString('utf8'));
      parts = [];
      length = 0;
      from = end + 1;
    }
    parts = [];
    return null;
  };
}

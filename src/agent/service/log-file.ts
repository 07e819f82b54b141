import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** Bytes of a log file; a second one keeps what was before. */
const MAX_BYTES = 5 * 1024 * 1024;

/**
 * Where a service without a standard error writes its log. At the limit the file becomes `<file>.1`, in the place of
 * an earlier one. A disk that takes no more loses lines, not the service.
 */
export function logFile(file: string, maxBytes = MAX_BYTES): { write(line: string): void } {
  let fd = openSync(file, 'a', 0o600);
  let size = fstatSync(fd).size;
  const turn = () => {
    closeSync(fd);
    try {
      renameSync(file, `${file}.1`);
    } finally {
      fd = openSync(file, 'a', 0o600);
      size = 0;
    }
  };
  return {
    write(line) {
      try {
        if (size > 0 && size + Buffer.byteLength(line) > maxBytes) turn();
        size += writeSync(fd, line);
      } catch {
        // There is nowhere else to say it.
      }
    },
  };
}

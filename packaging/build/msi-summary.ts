import { readFileSync, writeFileSync } from 'node:fs';
import { BuildError, tool } from './tools.ts';

export type Summary = {
  /** Another package has another one, also of the same version. */
  packageCode: string;
  /** Seconds since 1970. */
  epoch: number;
};

/** A time in a property set: its kind, then 100 ns since 1601. */
const VT_FILETIME = 0x40;
const EPOCH_1601 = 11_644_473_600n;

/**
 * What Windows shows of the package, the same from two builds: msibuild writes the texts and the code, and the moment
 * of that as the date, which is replaced here.
 */
export function writeSummary(file: string, { packageCode, epoch }: Summary): void {
  const code = `{${packageCode}}`;
  tool('msibuild', [file, '-s', 'Drawbridge endpoint agent', 'Drawbridge', 'x64;1033', code]);
  const bytes = readFileSync(file);
  const at = bytes.indexOf(code, 0, 'latin1');
  const kind = Buffer.alloc(4);
  kind.writeUInt32LE(VT_FILETIME);
  let found = at;
  // Made and last saved, in this order behind the code.
  for (const _ of ['made', 'saved']) {
    found = found < 0 ? found : bytes.indexOf(kind, found);
    if (found < 0 || found > at + 512) throw new BuildError(`${file} has no dates where msibuild puts them`);
    bytes.writeBigUInt64LE((BigInt(epoch) + EPOCH_1601) * 10_000_000n, found + kind.length);
    found += kind.length + 8;
  }
  writeFileSync(file, bytes);
}

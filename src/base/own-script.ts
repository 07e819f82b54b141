import { basename } from 'node:path';
import { isPackaged } from './assets.ts';

/** An executable bears its scripts and is told by name which one to be. */
const FLAG = '--own-script';

/** The arguments that make this Node, or this executable, run a script of ours. */
export function argvFor(script: string, argv: readonly string[], packaged = isPackaged): string[] {
  return packaged ? [FLAG, basename(script), ...argv] : [script, ...argv];
}

/** The script that an executable was started for; null for a command of a person. */
export function wantedScript([, , flag, name]: readonly string[]): string | null {
  return flag === FLAG && name !== undefined ? name : null;
}

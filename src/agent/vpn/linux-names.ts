import { createHash } from 'node:crypto';
import { OWN_PREFIX } from '../../../collectors/vpn-client/linux-profile.ts';

/**
 * The name under which a profile of ours stands in files, sections and paths: `drawbridge-` and letters, digits, `_`
 * and `-` of its own name. What had to be replaced is told apart by a few digits of its hash.
 */
export function ownName(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_-]/g, '-');
  const mark = plain === name && !RESERVED.test(name) ? '' : `-${digest(name).slice(0, 8)}`;
  return `${OWN_PREFIX}${plain}${mark}`;
}

/** Under these names lie the files of the device's own certificate. */
const RESERVED = /^device(?:-issuing|-root)?$/;

/** The same profile has the same UUID on every machine and after every change (version 8: made by a rule of our own). */
export function ownUuid(name: string): string {
  const hex = digest(`drawbridge vpn profile ${name}`);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

import type { Bench } from './report.ts';
import { measureOnLoopback } from './signal-loopback.ts';
import { measureInRig } from './signal-rig.ts';

const SESSIONS = 30;

/** `npm run bench -- signal [--sessions N] [--loopback]`: the whole way in the rig, or the server's part of it alone. */
export const bench: Bench = {
  what: 'A severe signal: from the webhook’s last byte to the end of what it cuts',
  run(args) {
    if (args.includes('--loopback')) return measureOnLoopback();
    const at = args.indexOf('--sessions');
    const sessions = at < 0 ? SESSIONS : Number(args[at + 1]);
    if (!Number.isInteger(sessions) || sessions < 1) throw new Error('--sessions takes a number from 1');
    return measureInRig(sessions);
  },
};

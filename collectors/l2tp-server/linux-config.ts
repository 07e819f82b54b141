import { parseIni } from '../linux-ini.ts';

/** What a daemon is set up to do. `unknown`: its configuration was not found. */
export type Role = 'server' | 'client' | 'unknown';

/**
 * xl2tpd.conf(5): a section `[lns NAME]` serves others, `[lac NAME]` dials out. `lns = host` inside a lac is its peer.
 * Without any lns section xl2tpd answers on 1701 and refuses everybody.
 */
export function parseXl2tpd(text: string): Role {
  return parseIni(text).some(({ name }) => /^lns\b/i.test(name)) ? 'server' : 'client';
}

/** accel-ppp.conf(5): it is an L2TP server when `[modules]` loads `l2tp`. */
export function parseAccelPpp(text: string): Role {
  const modules = text.split(/^(?=\[)/m).find((section) => section.startsWith('[modules]'));
  return modules !== undefined && /^[ \t]*l2tp[ \t]*$/m.test(modules) ? 'server' : 'unknown';
}

/** ipsec.conf(5): a transport connection for L2TP that anybody may open. */
export function acceptsAnybody(text: string): boolean {
  return text
    .split(/^(?=conn\s)/m)
    .some(
      (block) =>
        block.startsWith('conn') &&
        /^[ \t]+right[ \t]*=[ \t]*%any[ \t]*$/m.test(block) &&
        /^[ \t]+leftprotoport[ \t]*=[ \t]*(?:17|udp)\/(?:1701|l2tp|l2f)[ \t]*$/im.test(block),
    );
}

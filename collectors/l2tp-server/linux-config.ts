/** What a daemon is set up to do. `unknown`: its configuration was not found. */
export type Role = 'server' | 'client' | 'unknown';

/**
 * xl2tpd.conf(5): a section `[lns NAME]` serves others, `[lac NAME]` dials out. `lns = host` inside a lac is its peer.
 * Without any lns section xl2tpd answers on 1701 and refuses everybody.
 */
export function parseXl2tpd(text: string): Role {
  return sectionsOf(text).some(({ name }) => /^lns\b/i.test(name)) ? 'server' : 'client';
}

/** accel-ppp.conf(5): it is an L2TP server when `[modules]` loads `l2tp`. */
export function parseAccelPpp(text: string): Role {
  const modules = sectionsOf(text).find(({ name }) => name === 'modules');
  return modules?.lines.includes('l2tp') ? 'server' : 'unknown';
}

/** ipsec.conf(5): a transport connection for L2TP that anybody may open. */
export function acceptsAnybody(text: string): boolean {
  return text
    .split(/^(?=conn\s)/m)
    .some(
      (block) =>
        block.startsWith('conn') &&
        /^\s+right\s*=\s*%any\s*$/m.test(block) &&
        /^\s+leftprotoport\s*=\s*(?:17|udp)\/(?:1701|l2tp|l2f)\s*$/im.test(block),
    );
}

type Section = { name: string; lines: string[] };

/** An ini file without its comments (`;` and `#`). */
function sectionsOf(text: string): Section[] {
  const sections: Section[] = [];
  for (const line of text.split('\n').map((raw) => raw.replace(/[;#].*$/, '').trim())) {
    const name = /^\[\s*(.*?)\s*\]$/.exec(line)?.[1];
    if (name !== undefined) sections.push({ name, lines: [] });
    else if (line !== '') sections.at(-1)?.lines.push(line);
  }
  return sections;
}

import type { Host } from '../check.ts';
import { parseIni, valueOf } from '../linux-ini.ts';

/** A client section of xl2tpd: `[lac NAME]`, which dials the server in its `lns`. */
export type Lac = { name: string; gateway: string };

export async function readLacs(host: Host): Promise<Lac[]> {
  const text = await host.readText('/etc/xl2tpd/xl2tpd.conf');
  return text.ok ? parseLacs(text.value) : [];
}

/** `lns = host` inside a client section is its peer; a `[lns …]` section is a server and none of ours. */
export function parseLacs(text: string): Lac[] {
  return parseIni(text).flatMap((section) => {
    const name = /^lac\s+(\S.*)$/.exec(section.name)?.[1];
    const gateway = valueOf(section, 'lns');
    return name === undefined || name === 'default' || !gateway ? [] : [{ name, gateway }];
  });
}

import type { Host } from '../check.ts';
import { OWN_PREFIX } from './linux-profile.ts';
import { parseIni, valueOf } from '../linux-ini.ts';

/** A client section of xl2tpd: `[lac NAME]`, which dials the server in its `lns`. */
export type Lac = { name: string; gateway: string };

const FOLDER = '/etc/xl2tpd';
const MAX_FILES = 50;

/** Of the machine's own xl2tpd, and of those that the agent starts for one profile each. */
export async function readLacs(host: Host): Promise<Lac[]> {
  const names = await host.list(FOLDER);
  const own = names.ok ? names.value.filter((name) => name.startsWith(OWN_PREFIX)).slice(0, MAX_FILES) : [];
  const texts = await Promise.all(['xl2tpd.conf', ...own].map((name) => host.readText(`${FOLDER}/${name}`)));
  return texts.flatMap((text) => (text.ok ? parseLacs(text.value) : []));
}

/** `lns = host` inside a client section is its peer; a `[lns …]` section is a server and none of ours. */
export function parseLacs(text: string): Lac[] {
  return parseIni(text).flatMap((section) => {
    const name = /^lac\s+(\S.*)$/.exec(section.name)?.[1];
    const gateway = valueOf(section, 'lns');
    return name === undefined || name === 'default' || !gateway ? [] : [{ name, gateway }];
  });
}

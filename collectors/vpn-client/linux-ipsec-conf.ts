import { suites, type Connection, type Profile } from './linux-profile.ts';

type Section = ReadonlyMap<string, string>;

const MAX_LINES = 20_000;

/** `ipsec.conf` of strongSwan and Libreswan with its included files: transport mode for UDP 1701 to one gateway. */
export function parseIpsecConf(texts: readonly string[]): Connection[] {
  const sections = new Map(texts.flatMap(sectionsIn));
  return [...sections.keys()]
    .filter((name) => name !== '%default')
    .flatMap((name) => connectionOf(name, resolve(name, sections)) ?? []);
}

function sectionsIn(text: string): [string, Section][] {
  const sections: [string, Map<string, string>][] = [];
  for (const raw of text.split('\n', MAX_LINES)) {
    const line = raw.replace(/(^|\s)#.*$/, '').trimEnd();
    const name = /^conn\s+(\S+)$/.exec(line)?.[1];
    if (name !== undefined) sections.push([name, new Map()]);
    // Any other line that is not indented begins something else.
    else if (/^\S/.test(line)) sections.push(['', new Map()]);
    const [, key, value] = /^\s+([\w-]+)\s*=\s*"?([^"]*)"?$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) sections.at(-1)?.[1].set(key, value.trim());
  }
  return sections.filter(([name]) => name !== '');
}

/** A section over what it includes (`also=`), over the defaults. */
function resolve(name: string, sections: ReadonlyMap<string, Section>): Section {
  const own = sections.get(name) ?? new Map<string, string>();
  const included = sections.get(own.get('also') ?? '') ?? [];
  return new Map([...(sections.get('%default') ?? []), ...included, ...own]);
}

function connectionOf(name: string, section: Section): Connection | null {
  const peer = section.get('right') ?? '';
  const ports = [section.get('leftprotoport'), section.get('rightprotoport')];
  const isL2tp = ports.some((port) => /^(?:17|udp)\/(?:1701|l2f|l2tp)$/.test(port ?? ''));
  if (section.get('type') !== 'transport' || !isL2tp || peer === '' || peer.startsWith('%')) return null;
  return {
    name,
    peer,
    auth: authOf(section),
    suites: suites([section.get('ike'), section.get('esp') ?? section.get('phase2alg')]),
    enabled: section.get('auto') !== 'ignore',
  };
}

function authOf(section: Section): Profile['auth'] {
  const word = section.get('leftauth') ?? section.get('authby') ?? '';
  if (/^(secret|psk)$/.test(word)) return 'psk';
  if (word.startsWith('eap')) return 'eap';
  return section.has('leftcert') || /rsa|ecdsa|pubkey/.test(word) ? 'certificate' : null;
}

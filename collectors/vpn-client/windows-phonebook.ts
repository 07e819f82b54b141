/** One entry of a phone book (rasphone.pbk): its keys' first values. */
export type PhonebookEntry = { name: string; values: ReadonlyMap<string, string> };

const MAX_LINES = 50_000;
const MAX_ENTRIES = 200;

/** An INI file whose entries repeat their keys, once for each port and device; the first ones are the entry's own. */
export function parsePhonebook(text: string): PhonebookEntry[] {
  const entries: { name: string; values: Map<string, string> }[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/, MAX_LINES)) {
    const name = /^\[(.{1,300})\]\s*$/.exec(line)?.[1];
    if (name !== undefined) entries.push({ name, values: new Map() });
    const [, key, value] = /^([A-Za-z0-9]{1,60})=(.{0,500})/.exec(line) ?? [];
    const values = entries.at(-1)?.values;
    if (key !== undefined && value !== undefined && values?.has(key) === false) values.set(key, value.trim());
    if (entries.length > MAX_ENTRIES) break;
  }
  return entries.slice(0, MAX_ENTRIES);
}

const TYPE_VPN = '2';
/** MS-RRASM 2.2.2.2.11: automatic, PPTP first, L2TP only, L2TP first, SSTP first, IKEv2 first. "First" means that L2TP may follow. */
const MAY_BE_L2TP = ['0', '2', '3', '4', '6', '8'];

/** PreferredDevice does not decide: it may name L2TP on an entry that never uses it. */
export function mayBeL2tp({ values }: PhonebookEntry): boolean {
  return (
    (values.get('Type') ?? TYPE_VPN) === TYPE_VPN && MAY_BE_L2TP.includes(values.get('VpnStrategy') ?? '')
  );
}

const USES_PRESHARED_KEY = 1;

/** Bit 0 of IpSecFlags. Inferred from entries whose way of signing in was known; Microsoft documents no number. */
export function authOf({ values }: PhonebookEntry): 'psk' | 'certificate' | null {
  const flags = values.get('IpSecFlags') ?? '';
  if (!/^\d{1,9}$/.test(flags)) return null;
  return (Number(flags) & USES_PRESHARED_KEY) === 0 ? 'certificate' : 'psk';
}

export function allTrafficOf({ values }: PhonebookEntry): boolean | null {
  const prioritize = values.get('IpPrioritizeRemote');
  if (prioritize === '1') return true;
  return prioritize === '0' ? false : null;
}

/** Name servers that the entry fixes; null when they come with the connection. */
export function dnsOf({ values }: PhonebookEntry): string[] | null {
  const fixed = ['IpDnsAddress', 'IpDns2Address', 'Ipv6DnsAddress', 'Ipv6Dns2Address'].flatMap((key) => {
    const address = values.get(key);
    return address === undefined || ['', '0.0.0.0', '::'].includes(address) ? [] : [address];
  });
  return fixed.length > 0 ? fixed : null;
}

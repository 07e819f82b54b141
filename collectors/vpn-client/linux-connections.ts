import { swanctl } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { isL2tpSelector } from './linux-associations.ts';
import { parseIpsecConf } from './linux-ipsec-conf.ts';
import { suites, type Connection, type Profile } from './linux-profile.ts';
import { parseSwanctlConf, parseVici, sectionOf, sectionsOf, textOf, type Tree } from './linux-vici.ts';

/** `secretFiles`: settings files that hold a secret themselves. */
export type Connections = { found: Connection[]; secretFiles: string[] };

/** What the daemon has loaded, and what its files say. */
export async function readConnections(host: Host): Promise<Connections> {
  const [loaded, files, legacy] = await Promise.all([
    loadedConnections(host),
    readFolder(host, '/etc/swanctl/swanctl.conf', '/etc/swanctl/conf.d'),
    readFolder(host, '/etc/ipsec.conf', '/etc/ipsec.d'),
  ]);
  const found = [
    // Files first: they name the suites, which the socket does not.
    ...files.flatMap(({ text }) => connectionsIn(sectionOf(parseSwanctlConf(text), 'connections'))),
    ...parseIpsecConf(legacy.map(({ text }) => text)),
    ...loaded,
  ];
  const secret = /^[^#\n]*\bsecret\s*=/m;
  return {
    found: [...new Map(found.toReversed().map((one) => [one.name, one])).values()].toReversed(),
    secretFiles: files.filter(({ text }) => secret.test(text)).map(({ path }) => path),
  };
}

const MAX_FILES = 50;

async function readFolder(
  host: Host,
  main: string,
  folder: string,
): Promise<{ path: string; text: string }[]> {
  const names = await host.list(folder);
  const included = names.ok ? names.value.filter((name) => name.endsWith('.conf')).slice(0, MAX_FILES) : [];
  const paths = [main, ...included.map((name) => `${folder}/${name}`)];
  const texts = await Promise.all(paths.map(async (path) => ({ path, read: await host.readText(path) })));
  return texts.flatMap(({ path, read }) => (read.ok ? [{ path, text: read.value }] : []));
}

async function loadedConnections(host: Host): Promise<Connection[]> {
  const { code, stdout } = await host.run(swanctl, ['--list-conns', '--raw']);
  return code === 0 ? parseListConns(stdout) : [];
}

export function parseListConns(text: string): Connection[] {
  const events = text.split('\n').filter((line) => line.startsWith('list-conn event '));
  return events.flatMap((line) =>
    connectionsIn(sectionOf(parseVici(line.slice('list-conn '.length)), 'event')),
  );
}

/** Only transport mode for UDP 1701 towards one gateway; `%any` is a server's end. */
export function connectionsIn(section: Tree | undefined): Connection[] {
  return sectionsOf(section).flatMap(([name, tree]) => {
    const child = sectionsOf(sectionOf(tree, 'children')).find(([, one]) => isL2tpChild(one))?.[1];
    const [peer = ''] = textOf(tree, 'remote-addrs')?.split(/[\s,]+/) ?? [];
    if (!child || peer === '' || peer.includes('%any')) return [];
    return [
      {
        name,
        peer,
        auth: authOf(tree),
        suites: suites([textOf(tree, 'proposals'), textOf(child, 'esp-proposals')]),
        enabled: true,
      },
    ];
  });
}

function isL2tpChild(child: Tree): boolean {
  const selectors = [textOf(child, 'local-ts'), textOf(child, 'remote-ts')];
  return textOf(child, 'mode')?.toLowerCase() === 'transport' && selectors.some(isL2tpSelector);
}

const AUTHS: Record<string, Profile['auth']> = {
  psk: 'psk',
  'pre-shared key': 'psk',
  pubkey: 'certificate',
  'public key': 'certificate',
};

/** How this end proves itself: a file says `psk`, the socket `pre-shared key`. */
function authOf(connection: Tree): Profile['auth'] {
  const local = sectionsOf(connection).find(([name]) => /^local(-\d+)?$/.test(name))?.[1];
  const word = (textOf(local, 'auth') ?? textOf(local, 'class') ?? '').toLowerCase();
  return word.startsWith('eap') ? 'eap' : (AUTHS[word] ?? null);
}

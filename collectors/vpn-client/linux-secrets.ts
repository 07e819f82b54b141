import type { Host } from '../check.ts';

/** Permissions of anyone but the owner. */
const OTHERS = 0o077;

/** Whether one of these files can be read by more than its owner; null when none can be looked at. Never reads them. */
export async function isReadableByOthers(host: Host, paths: readonly string[]): Promise<boolean | null> {
  const found = await Promise.all(paths.map((path) => host.status(path)));
  const modes = found.flatMap((status) => (status.ok ? [status.value.mode] : []));
  return modes.length === 0 ? null : modes.some((mode) => (mode & OTHERS) !== 0);
}

const SECRET_FILES = [
  '/etc/ipsec.secrets',
  '/etc/strongswan/ipsec.secrets',
  '/etc/xl2tpd/l2tp-secrets',
  '/etc/ppp/chap-secrets',
  '/etc/ppp/pap-secrets',
];

/** The files in which a client set up by hand keeps its pre-shared keys and passwords. */
export async function areSecretsReadable(host: Host, more: readonly string[]): Promise<boolean | null> {
  const folder = await host.list('/etc/ipsec.d');
  const names = folder.ok ? folder.value.filter((name) => name.endsWith('.secrets')) : [];
  const included = names.slice(0, 50).map((name) => `/etc/ipsec.d/${name}`);
  return isReadableByOthers(host, [...SECRET_FILES, ...included, ...more]);
}

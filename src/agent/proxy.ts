/** `auto` follows the environment, `none` goes straight, anything else is the proxy's address. */
export type ProxySetting = string;

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy through which `target` is reached, or null for none. Follows curl's rules for HTTPS_PROXY and NO_PROXY. */
export function proxyFor(target: URL, setting: ProxySetting, env: Environment): URL | null {
  if (setting === 'none') return null;
  if (setting !== 'auto') return new URL(setting);
  const address = env.HTTPS_PROXY || env.https_proxy;
  if (!address || bypassed(target, env.NO_PROXY || env.no_proxy || '')) return null;
  const full = address.includes('://') ? address : `http://${address}`;
  return URL.canParse(full) ? new URL(full) : null;
}

function bypassed(target: URL, list: string): boolean {
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  return names.some((name) => name === '*' || (name !== '' && matches(target, name)));
}

/** `example.com` and `.example.com` both mean the name and all below it; a port has to be the target's. */
function matches(target: URL, entry: string): boolean {
  const [, name = '', port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (port !== undefined && port !== (target.port || '443')) return false;
  const host = target.hostname.toLowerCase();
  return host === name || host.endsWith(`.${name}`);
}

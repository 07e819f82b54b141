import { launchctl, xprotect } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { readPlist } from '../macos-read.ts';
import { at, linesOf, matchLine, textOf, timeOf } from '../macos-values.ts';
import type { Product, ProductReader } from './macos-product.ts';
import { installedProduct } from './product.ts';

type Scans = { launch: boolean | null; background: boolean | null };

/** Built into every Mac. Since macOS 15 it has a tool of its own; before, its two jobs must be loaded. */
export const readXProtect: ProductReader = async (host) => {
  const scans = parseXProtectStatus((await host.run(xprotect, ['status'])).stdout) ?? (await readJobs(host));
  const definitions = await readDefinitions(host);
  if (!scans && definitions.definitionsVersion === null) return null;
  return { ...xprotectProduct(scans ?? UNKNOWN_SCANS), ...definitions };
};

const UNKNOWN_SCANS: Scans = { launch: null, background: null };

export function xprotectProduct({ launch, background }: Scans): Product {
  const running = launch === null || background === null ? null : launch && background;
  return {
    ...installedProduct('Apple', 'XProtect'),
    running,
    realtime: launch,
    mode: running === true ? 'active' : launch === false && background === false ? 'off' : null,
    health: [
      ...(launch === false ? ['launch-scans-disabled'] : []),
      ...(background === false ? ['background-scans-disabled'] : []),
    ],
  };
}

export function parseXProtectStatus(text: string): Scans | null {
  const scan = (kind: string) =>
    new RegExp(`XProtect ${kind} scans: (enabled|disabled)\\b`).exec(text)?.[1] ?? null;
  const [launch, background] = [scan('launch'), scan('background')];
  if (launch === null && background === null) return null;
  return { launch: isEnabled(launch), background: isEnabled(background) };
}

function isEnabled(word: string | null): boolean | null {
  return word === null ? null : word === 'enabled';
}

/** Up to macOS 14. A job that is absent may only be named otherwise in that release: unknown, not off. */
async function readJobs(host: Host): Promise<Scans | null> {
  const { stdout } = await host.run(launchctl, ['list']);
  const labels = new Set(linesOf(stdout).map((line) => line.split(/\s/).at(-1)));
  const loaded = ['com.apple.XprotectFramework.PluginService', 'com.apple.XProtect.daemon.scan'].every(
    (label) => labels.has(label),
  );
  return loaded ? { launch: true, background: true } : null;
}

type Definitions = Pick<Product, 'definitionsVersion' | 'definitionsAt'>;

async function readDefinitions(host: Host): Promise<Definitions> {
  const { stdout } = await host.run(xprotect, ['version']);
  return parseXProtectVersion(stdout) ?? (await readBundle(host));
}

export function parseXProtectVersion(text: string): Definitions | null {
  const match = matchLine(text, /^Version: (\d+)(?:\s+Installed: (.+?))?\s*$/);
  return match && { definitionsVersion: match[1] ?? null, definitionsAt: timeOf(match[2]) };
}

const BUNDLE = '/Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents';

/** The bundle's own date is older than its content: the folder of definitions tells when they came. */
async function readBundle(host: Host): Promise<Definitions> {
  const info = await readPlist(host, `${BUNDLE}/Info.plist`);
  const folder = await host.status(`${BUNDLE}/Resources`);
  return {
    definitionsVersion: info.ok ? textOf(at(info.value, 'CFBundleShortVersionString')) : null,
    definitionsAt: folder.ok ? new Date(folder.value.modifiedMs).toISOString() : null,
  };
}

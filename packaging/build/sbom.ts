import { createHash } from 'node:crypto';
import type { Bundle } from './bundle.ts';
import type { LockedPackage } from './npm-tarball.ts';
import { nativesOf, type Part } from './parts.ts';
import type { Target } from './targets.ts';
import { uuidFrom } from './tools.ts';

type Ingredients = {
  part: Part;
  bundle: Bundle;
  targets: readonly Target[];
  lock: ReadonlyMap<string, LockedPackage>;
  version: string;
  /** Seconds since 1970. */
  epoch: number;
};

type Component = {
  type: 'library' | 'framework';
  name: string;
  version: string;
  purl: string;
  licenses?: { expression: string }[];
  hashes: { alg: string; content: string }[];
};

/** What an executable is made of, as CycloneDX 1.6: packages whose code is in it, its Node, its native modules. */
export function sbomOf({ part, bundle, targets, lock, version, epoch }: Ingredients): string {
  const natives = targets.flatMap((target) =>
    nativesOf(part, target).map(({ file }) => `node_modules/${file.name}`),
  );
  const runtimes = targets.map(({ runtime }) => `node_modules/${runtime}`);
  const components = [
    ...[...bundle.packages, ...natives].map((path) => component('library', path, lock)),
    ...runtimes.map((path) => component('framework', path, lock)),
  ];
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1_000).toISOString(),
      component: { type: 'application', name: part.name, version, licenses: [{ expression: 'Apache-2.0' }] },
    },
    components,
  };
  const serial = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  return `${JSON.stringify({ ...document, serialNumber: `urn:uuid:${uuidFrom(serial)}` }, null, 2)}\n`;
}

function component(
  type: Component['type'],
  path: string,
  lock: ReadonlyMap<string, LockedPackage>,
): Component {
  const locked = lock.get(path);
  if (locked === undefined) throw new Error(`package-lock.json does not name ${path}`);
  const { name, version, integrity, license } = locked;
  const content = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');
  return {
    type,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(license === null ? {} : { licenses: [{ expression: license }] }),
    hashes: [{ alg: 'SHA-512', content }],
  };
}

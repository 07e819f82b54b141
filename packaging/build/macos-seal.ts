import { createHash } from 'node:crypto';
import { toPlist, type PlistDictionary } from './plist.ts';

/** A file of an app, by its path below `Contents/`. Programs and libraries are named by their own signature. */
export type Sealed = { path: string; content: Buffer; codeHash: Buffer | null };

/** What codesign(1) writes for an app: which files count, by patterns of which the heaviest decides. */
const RULES: PlistDictionary = {
  '^Resources/': true,
  '^Resources/.*\\.lproj/': { optional: true, weight: 1_000 },
  '^Resources/.*\\.lproj/locversion.plist$': { omit: true, weight: 1_100 },
  '^Resources/Base\\.lproj/': { weight: 1_010 },
  '^version.plist$': true,
};

const RULES2: PlistDictionary = {
  '.*\\.dSYM($|/)': { weight: 11 },
  '^(.*/)?\\.DS_Store$': { omit: true, weight: 2_000 },
  '^(Frameworks|SharedFrameworks|PlugIns|Plug-ins|XPCServices|Helpers|MacOS|Library/(Automator|Spotlight|LoginItems))/':
    { nested: true, weight: 10 },
  '^.*': true,
  '^Info\\.plist$': { omit: true, weight: 20 },
  '^PkgInfo$': { omit: true, weight: 20 },
  '^Resources/': { weight: 20 },
  '^Resources/.*\\.lproj/': { optional: true, weight: 1_000 },
  '^Resources/.*\\.lproj/locversion.plist$': { omit: true, weight: 1_100 },
  '^Resources/Base\\.lproj/': { weight: 1_010 },
  '^[^/]+$': { nested: true, weight: 10 },
  '^embedded\\.provisionprofile$': { weight: 20 },
  '^version\\.plist$': { weight: 20 },
};

/** `_CodeSignature/CodeResources` of an app with these files, its main program and Info.plist not among them. */
export function sealOf(files: readonly Sealed[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const resources = sorted.filter(({ codeHash }) => codeHash === null);
  const first = resources.map(({ path, content }) => [path, digest('sha1', content)] as const);
  const second = sorted.map(({ path, content, codeHash }) => {
    const value =
      codeHash === null
        ? { hash2: digest('sha256', content) }
        : { cdhash: codeHash, requirement: `cdhash H"${codeHash.toString('hex')}"` };
    return [path, value] as const;
  });
  return Buffer.from(
    toPlist({
      files: Object.fromEntries(first),
      files2: Object.fromEntries(second),
      rules: RULES,
      rules2: RULES2,
    }),
  );
}

function digest(kind: 'sha1' | 'sha256', content: Buffer): Buffer {
  return createHash(kind).update(content).digest();
}

import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { arch } from 'node:os';
import { withoutLockChecks } from './lock-checks.ts';
import { fileOfPackage } from './npm-tarball.ts';
import { BuildError, sha256Of, tool } from './tools.ts';
import type { Target } from './targets.ts';

/** Makes `out` the target's Node, ready to be made into an executable of ours. Throws where it is not the pinned one. */
export async function placeRuntime(root: string, cache: string, target: Target, out: string): Promise<void> {
  const { runtime: name, node } = target;
  const file = fileOfPackage(root, cache, { name, path: node.path });
  const found = await sha256Of(file);
  if (found !== node.sha256)
    throw new BuildError(
      `${name}: the executable is not the pinned one (sha256 ${found}, not ${node.sha256}). Where Node was updated on purpose, see packaging/build/targets.ts.`,
    );
  copyFileSync(file, out);
  chmodSync(out, 0o755);
  if (target.os !== 'linux') return;
  withoutLockChecks(out, binutil('nm', target));
  // Names of functions, a fifth of the file. Before anything is put into it: afterwards a tool would take that away, too.
  tool(binutil('strip', target), ['-s', out]);
}

function binutil(name: 'nm' | 'strip', target: Target): string {
  const own = { 'linux-x64': 'x64', 'linux-arm64': 'arm64' }[target.name] === arch();
  const prefix = target.name === 'linux-x64' ? 'x86_64' : 'aarch64';
  const path = own ? `/usr/bin/${name}` : `/usr/bin/${prefix}-linux-gnu-${name}`;
  if (!existsSync(path)) throw new BuildError(`${path} is not there (package binutils)`);
  return path;
}

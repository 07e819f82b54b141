import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { macosIcon } from './icns.ts';
import { copyright } from './linux-package.ts';
import { IDENTIFIERS, type MacSigner } from './macos-signer.ts';
import { toPlist } from './plist.ts';
import type { Target } from './targets.ts';
import { trayHelper } from './tray-helper.ts';

/** The least that Node 26 runs on, as its load commands say. */
export const MACOS_LEAST = '13.5';

export type AppJob = {
  root: string;
  /** Of `makeExecutable`: the executable first, then native modules, which are signed. */
  made: readonly string[];
  sbom: string;
  target: Target;
  version: string;
  signer: MacSigner;
};

/** Makes `Drawbridge.app` below `folder` and signs it; answers its path. `work` is for what is in between. */
export function makeApp(
  { root, made, sbom, target, version, signer }: AppJob,
  { folder, work }: { folder: string; work: string },
): string {
  const app = join(folder, 'Drawbridge.app');
  const at = (...path: string[]) => join(app, 'Contents', ...path);
  for (const name of ['MacOS', 'Resources']) mkdirSync(at(name), { recursive: true });
  const [executable = ''] = made;
  for (const file of made) {
    copyFileSync(file, at('MacOS', basename(file)));
    chmodSync(at('MacOS', basename(file)), 0o755);
  }
  const helper = trayHelper(target, work);
  copyFileSync(helper, at('MacOS', basename(helper)));
  signer.file(at('MacOS', basename(helper)), { identifier: IDENTIFIERS.tray, entitled: false });
  writeFileSync(at('Info.plist'), toPlist(infoOf(basename(executable), version)));
  writeFileSync(at('PkgInfo'), 'APPL????');
  writeFileSync(at('Resources/drawbridge.icns'), macosIcon());
  writeFileSync(at('Resources/sbom.cdx.json'), sbom);
  writeFileSync(at('Resources/copyright.txt'), copyright(root));
  signer.app(app, { identifier: IDENTIFIERS.agent, entitled: true });
  return app;
}

function infoOf(executable: string, version: string) {
  return {
    CFBundleDevelopmentRegion: 'en',
    CFBundleDisplayName: 'Drawbridge',
    CFBundleExecutable: executable,
    CFBundleIconFile: 'drawbridge',
    CFBundleIdentifier: IDENTIFIERS.agent,
    CFBundleInfoDictionaryVersion: '6.0',
    CFBundleName: 'Drawbridge',
    CFBundlePackageType: 'APPL',
    CFBundleShortVersionString: version,
    CFBundleVersion: version,
    LSMinimumSystemVersion: MACOS_LEAST,
    // No window, no place in the Dock: an icon in the menu bar.
    LSUIElement: true,
    NSHighResolutionCapable: true,
  };
}

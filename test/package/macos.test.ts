import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseXmlPlist } from '../../collectors/macos-plist-xml.ts';
import { bundle } from '../../packaging/build/bundle.ts';
import { makeExecutable } from '../../packaging/build/executable.ts';
import { codeHash, verifyMachO } from '../../packaging/build/macho.ts';
import { makePkg } from '../../packaging/build/macos-pkg.ts';
import { adHoc } from '../../packaging/build/macos-signer.ts';
import { parts } from '../../packaging/build/parts.ts';
import { targets } from '../../packaging/build/targets.ts';
import { CHECKOUT, NEW, OUT } from './build.ts';
import { readBom, type BomFile } from './bom-reader.ts';

const EPOCH = 1_750_000_000;
const HOME = 'Library/Application Support/Drawbridge';
const CODE = `${HOME}/Drawbridge.app/Contents/MacOS`;

const folder = mkdtempSync(join(tmpdir(), 'drawbridge-pkg-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/*
 * No Mac is here. What can be said without one: the archive is read by libarchive and GNU cpio, checksums are those of
 * coreutils, LLVM finds its way through the programs, and every signature covers what it says.
 */
describe('the .pkg', () => {
  const files = join(folder, 'files');
  const at = (...path: string[]) => join(files, ...path);
  const sh = (script: string) => {
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-ec', script], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${script} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  };
  let bill: BomFile[] = [];

  const make = async (made: readonly string[], name: string) => {
    const target = targets.find((one) => one.name === 'macos-arm64');
    if (target === undefined) throw new Error('no macos-arm64');
    const out = join(folder, name);
    mkdirSync(out, { recursive: true });
    const job = { root: CHECKOUT, version: NEW, target, signer: adHoc, epoch: EPOCH, quick: true };
    return makePkg({ ...job, made, sbom: '{}', out, work: join(folder, `${name}-work`) });
  };

  beforeAll(async () => {
    const part = parts.find(({ name }) => name === 'drawbridge');
    const target = targets.find(({ name }) => name === 'macos-arm64');
    if (part === undefined || target === undefined) throw new Error('no such part or target');
    const cache = join(OUT, 'cache');
    const bin = join(folder, 'bin');
    for (const one of [cache, bin, files]) mkdirSync(one, { recursive: true });
    const code = await bundle(CHECKOUT, part.entry);
    const job = { root: CHECKOUT, cache, out: bin, part, target, bundle: code, version: NEW };
    const made = await makeExecutable(job);
    const [first, second] = [await make(made, 'first'), await make(made, 'second')];
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
    sh(`mkdir archive && cd archive && bsdtar -xf '${first}'`);
    sh(`cd files && gzip -dc ../archive/drawbridge.pkg/Payload | cpio -idm --quiet --no-absolute-filenames`);
    sh(`mkdir scripts && cd scripts && gzip -dc ../archive/drawbridge.pkg/Scripts | cpio -idm --quiet`);
    bill = readBom(readFileSync(join(folder, 'archive/drawbridge.pkg/Bom')));
    // The first run fetches another system's Node.
  }, 400_000);

  test('holds what a Mac needs of it, and says so in its bill', () => {
    const placed = sh('cd files && find . | LC_ALL=C sort').trim().split('\n');
    expect(bill.map(({ path }) => path).toSorted()).toEqual(placed);
    for (const path of [
      `./${CODE}/drawbridge`,
      `./${CODE}/drawbridge-tray`,
      `./${CODE}/keyring.node`,
      `./${HOME}/uninstall.sh`,
      './Library/LaunchDaemons/io.drawbridge.agent.plist',
      './Library/LaunchAgents/io.drawbridge.tray.plist',
    ])
      expect(placed).toContain(path);
    for (const { path, mode, size, sum } of bill) {
      const found = statSync(at(path));
      expect(mode, path).toBe(found.mode);
      if (!found.isFile()) continue;
      // coreutils' own checksum, and the size.
      expect(sh(`cksum < '${at(path)}'`).trim()).toBe(`${sum} ${size}`);
    }
    const home = bill.filter(({ path }) => path === './Library/Application Support');
    expect(home).toMatchObject([{ uid: 0, gid: 80 }]);
  });

  test('asks for the right Mac, and has the scripts that it names', () => {
    const distribution = readFileSync(join(folder, 'archive/Distribution'), 'utf8');
    expect(distribution).toContain('hostArchitectures="arm64"');
    expect(distribution).toContain('<os-version min="13.5"/>');
    const info = readFileSync(join(folder, 'archive/drawbridge.pkg/PackageInfo'), 'utf8');
    expect(info).toContain(`identifier="io.drawbridge.agent"`);
    expect(info).toContain(`numberOfFiles="${bill.length}"`);
    expect(readdirSync(join(folder, 'scripts')).toSorted()).toEqual(['postinstall', 'preinstall']);
    sh('sh -n scripts/preinstall && sh -n scripts/postinstall');
    expect(readFileSync(join(folder, 'scripts/preinstall'), 'utf8')).toContain(`version=${NEW}`);
    const load = sh(`llvm-objdump --macho --private-headers '${at(CODE, 'drawbridge')}'`);
    expect(load).toMatch(/LC_BUILD_VERSION[\s\S]{0,80}minos 13\.5/);
    expect(load).toContain('LC_CODE_SIGNATURE');
    expect(sh(`llvm-objdump --macho --private-header '${at(CODE, 'drawbridge-tray')}'`)).toContain('ARM64');
  });

  const list = (path: string) => parseXmlPlist(readFileSync(at(path), 'utf8')) as Record<string, unknown>;

  test('its lists are lists, and what they start is there', () => {
    const daemon = list('Library/LaunchDaemons/io.drawbridge.agent.plist');
    const agent = list('Library/LaunchAgents/io.drawbridge.tray.plist');
    for (const [one, argument] of [
      [daemon, 'agent'],
      [agent, 'tray'],
    ] as const)
      expect(one['ProgramArguments']).toEqual([`/${CODE}/drawbridge`, argument]);
    expect(daemon).toMatchObject({ KeepAlive: true, RunAtLoad: true, WorkingDirectory: '/' });
    const set = Object.entries(daemon['EnvironmentVariables'] as Record<string, string>);
    expect(set.filter(([name, value]) => /^(?:NODE|SSL|OPENSSL)_/.test(name) && value !== '')).toEqual([]);
    expect(set.map(([name]) => name)).toContain('NODE_EXTRA_CA_CERTS');
    expect(agent).toMatchObject({ LimitLoadToSessionType: 'Aqua' });
    expect(list(`${HOME}/Drawbridge.app/Contents/Info.plist`)).toMatchObject({
      CFBundleIdentifier: 'io.drawbridge.agent',
      CFBundleExecutable: 'drawbridge',
      CFBundleShortVersionString: NEW,
      LSMinimumSystemVersion: '13.5',
      LSUIElement: true,
    });
  });

  test('every program is signed, and the app’s signature covers all that is in it', () => {
    const contents = at(HOME, 'Drawbridge.app/Contents');
    const main = readFileSync(at(CODE, 'drawbridge'));
    const seen = verifyMachO(main);
    expect(seen).toMatchObject({ identifier: 'io.drawbridge.agent', wrongPages: 0, wholeFile: true });
    expect(seen?.isHardened).toBe(true);
    const seal = readFileSync(join(contents, '_CodeSignature/CodeResources'));
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
    expect(seen?.special.get(1)).toEqual(digest(readFileSync(join(contents, 'Info.plist'))));
    expect(seen?.special.get(3)).toEqual(digest(seal));
    // Hashes are data, which the project's own reader of lists leaves out.
    const part = /<key>files2<\/key>([\s\S]*)<key>rules<\/key>/.exec(seal.toString())?.[1] ?? '';
    const entry = /<key>((?:MacOS|Resources)\/[^<]+)<\/key>\s*<dict>\s*<key>(\w+)<\/key>\s*<data>([^<]+)</g;
    const sealed = [...part.matchAll(entry)].map(([, path, kind, hash]) => ({ path, kind, hash }));
    const expected = readdirSync(contents, { recursive: true, encoding: 'utf8' })
      .filter((path) => /^(?:MacOS|Resources)\/./.test(path) && path !== 'MacOS/drawbridge')
      .toSorted()
      .map((path) => {
        const bytes = readFileSync(join(contents, path));
        if (path.startsWith('Resources/'))
          return { path, kind: 'hash2', hash: digest(bytes).toString('base64') };
        expect(verifyMachO(bytes), path).toMatchObject({ wrongPages: 0, wholeFile: true });
        return { path, kind: 'cdhash', hash: codeHash(bytes).toString('base64') };
      });
    expect(sealed).toEqual(expected);
    expect(expected.length).toBeGreaterThan(4);
  });

  test('what the agent compares itself with is what was packed', () => {
    const installed = JSON.parse(readFileSync(at(HOME, 'installed.json'), 'utf8')) as Record<string, string>;
    const code = readdirSync(at(CODE)).toSorted();
    const sums = code.map((name) => sh(`sha256sum < '${at(CODE, name)}'`).slice(0, 64));
    expect(installed).toEqual(Object.fromEntries(code.map((name, index) => [name, sums[index]])));
    // The module is signed before the executable learns its hash.
    const bytes = readFileSync(at(CODE, 'drawbridge'));
    expect(bytes.includes(`"keyring.node":"${installed['keyring.node']}"`)).toBe(true);
  });
});

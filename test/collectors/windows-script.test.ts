import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PRODUCT_OF_SERVICE } from '../../collectors/antivirus/windows-vendors.ts';
import { scriptFor, scripts, type ScriptKind } from '../../collectors/windows-script.ts';

const collectors = join(import.meta.dirname, '..', '..', 'collectors');
const readPart = (file: string) => readFileSync(join(collectors, file), 'utf8');
const kinds = Object.keys(scripts) as ScriptKind[];

/** Every probe that the agent's readers know, by name. */
const PROBES = `currentVersion encryptableVolumes volumes antivirusProducts defender threats threatDetections
  firewallProfiles hotfixes updates autoUpdate pendingReboot services udpEndpoints vpnConnections phonebooks secureBoot
  tpm screenLock rasParameters remoteAccess`.split(/\s+/);

const all = readdirSync(collectors, { recursive: true, encoding: 'utf8' }).map((name) =>
  name.replaceAll('\\', '/'),
);
const scriptFiles = all.filter((name) => name.endsWith('.ps1'));

describe('the script’s parts', () => {
  test('every file is part of exactly one script', () => {
    const parts = kinds.flatMap((kind) => scripts[kind].parts);
    expect(['windows-prologue.ps1', 'windows-epilogue.ps1', ...parts].toSorted()).toEqual(
      scriptFiles.toSorted(),
    );
  });

  test('every probe is asked in exactly one of them', () => {
    const asked = scriptFiles.flatMap((file) => probesIn(readPart(file)));
    expect(asked.toSorted()).toEqual(PROBES.toSorted());
  });

  test.each(kinds)('the probes of %s are those that its parts ask', (kind) => {
    expect(scripts[kind].parts.flatMap((file) => probesIn(readPart(file)))).toEqual([
      ...scripts[kind].probes,
    ]);
  });

  test('every probe that a reader asks exists', () => {
    const readers = all.filter((name) => /\/windows[^/]*\.ts$/.test(name)).map(readPart);
    const asked = readers.flatMap((source) =>
      [...source.matchAll(/\(\s*host,\s*'(\w+)'/g)].map((match) => match[1] ?? ''),
    );
    expect(new Set(asked)).toEqual(new Set(PROBES));
  });
});

describe('what the script emits', () => {
  const folders = [
    ...new Set(scriptFiles.filter((name) => name.includes('/')).map((name) => name.split('/')[0] ?? '')),
  ];

  test.each(folders)('%s: every property that a reader reads', (folder) => {
    const within = (ending: string) =>
      all.filter((name) => name.startsWith(`${folder}/windows`) && name.endsWith(ending));
    const emitted = [...within('.ps1'), 'windows-services.ps1'].map(readPart).join('\n');
    const read = within('.ts').flatMap((file) => propertiesIn(readPart(file)));
    expect(read.length).toBeGreaterThan(0);
    expect(read.filter((name) => !new RegExp(`\\b${name}\\b`).test(emitted))).toEqual([]);
  });

  test('the services that readers know', () => {
    const asked = readPart('windows-services.ps1').toLowerCase();
    const known = [
      ...PRODUCT_OF_SERVICE.keys(),
      'remoteaccess',
      'rasman',
      'sevpnserver',
      'sevpnbridge',
      'sevpnclient',
      'mpssvc',
    ];
    expect(known.filter((name) => !asked.includes(`'${name}'`))).toEqual([]);
  });
});

describe('what the script must never do', () => {
  test.each(scriptFiles)('%s touches no secret', (file) => {
    const secrets =
      /NumericalPassword|RecoveryPassword|KeyProtectorPackage|ExternalKey|\bKeyProtector\b|Get-BitLockerVolume|OwnerAuth|Get-Tpm|L2tpPsk|Resources/i;
    expect(code(file)).not.toMatch(secrets);
  });

  test.each(scriptFiles)('%s starts nothing, fetches nothing, changes nothing', (file) => {
    const forbidden =
      /Invoke-Expression|\biex\b|Start-Process|Invoke-WebRequest|DownloadString|Add-Type|\b(?:Set(?!-StrictMode)|Remove|Stop|Restart|Disable|Enable|Suspend|Clear)-\w|\.exe\b/i;
    expect(code(file)).not.toMatch(forbidden);
  });

  test.each(scriptFiles)('%s is ASCII, for any code page, with balanced brackets', (file) => {
    const source = readPart(file);
    // eslint-disable-next-line no-control-regex
    expect(source).toMatch(/^[\n\x20-\x7e]*$/);
    const bare = code(file).replace(/'[^']*'|"[^"]*"/g, '');
    for (const [open, close] of ['{}', '()', '[]']) {
      expect(bare.split(open ?? '').length, file).toBe(bare.split(close ?? '').length);
    }
  });

  test('every module’s cmdlet is told to stop at an error', () => {
    const cmdlets = scriptFiles.flatMap(
      (file) => code(file).match(/\b(?:Get-Net|Get-Vpn|Confirm-|Invoke-Cim)[^|)\n]*/g) ?? [],
    );
    expect(cmdlets.length).toBeGreaterThanOrEqual(6);
    expect(cmdlets.filter((call) => !call.includes('-ErrorAction Stop'))).toEqual([]);
  });
});

describe('the whole', () => {
  test.each(kinds)('%s: limits, prologue, questions, epilogue', (kind) => {
    const script = scriptFor(kind, readPart);
    expect(script).toMatch(/^\$budgetSeconds = \d+\n\$cimSeconds = \d+\n/);
    expect(script.indexOf('function probe')).toBeLessThan(script.indexOf("probe '"));
    expect(script.trimEnd().endsWith('$output.Flush()')).toBe(true);
    expect(scripts[kind].budgetSeconds + scripts[kind].cimSeconds).toBeLessThanOrEqual(
      scripts[kind].timeoutMs / 1000,
    );
  });
});

/** A script file without its comments. */
function code(file: string): string {
  return readPart(file).replace(/#.*$/gm, '');
}

function probesIn(source: string): string[] {
  return [...source.matchAll(/^probe '(\w+)'/gm)].map((match) => match[1] ?? '');
}

/** Keys of the zod objects that read a probe: a name and one of the property readers. */
function propertiesIn(source: string): string[] {
  const keys = source.matchAll(
    /\b(\w+): (?:text|integer|flag|time|numbered|listOf|property|gpoBoolean)\b[,( ]/g,
  );
  return [...keys].map((match) => match[1] ?? '');
}

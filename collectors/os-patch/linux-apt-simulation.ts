import { someNames, type Pending } from './linux-fact.ts';

/** `Inst NAME [OLD] (NEW ORIGIN:VERSION/SUITE, … [ARCH]) [dependents]`; without [OLD] it is a new package. */
const UPGRADE = /^Inst (\S+) \[[^\]]+\] \(\S+ (.*)\)/;
const SUMMARY = /^(\d+) upgraded, \d+ newly installed/m;

/**
 * The output of `apt-get -s dist-upgrade` in the C locale. Null when it names fewer upgrades than its own summary
 * counts, or is something else altogether.
 */
export function parseSimulation(text: string): Pending | null {
  const upgrades = new Map<string, boolean>();
  for (const line of text.split('\n')) {
    const [, name, origins] = UPGRADE.exec(line) ?? [];
    if (name !== undefined && origins !== undefined) upgrades.set(name, isSecurity(origins));
  }
  const announced = SUMMARY.exec(text)?.[1];
  // `-qq` prints no summary; then only upgrades themselves prove that this is a simulation.
  const complete = announced === undefined ? upgrades.size > 0 : upgrades.size >= Number(announced);
  return complete ? count(upgrades) : null;
}

/** A package in several suites at once is a security update if any of them is one. */
function isSecurity(origins: string): boolean {
  return origins
    .replace(/ \[[^\]]*\]$/, '')
    .split(', ')
    .some((origin) => isSecuritySuite(origin.split(':')[0] ?? '', origin.split('/').at(-1) ?? ''));
}

/**
 * Debian labels its security archive; Ubuntu (ESM included), Devuan and their relatives name the suite
 * `<codename>-security`, with `-apps-security` and `-infra-security` for ESM.
 */
export function isSecuritySuite(label: string, suite: string): boolean {
  return label === 'Debian-Security' || suite.endsWith('-security');
}

function count(upgrades: ReadonlyMap<string, boolean>): Pending {
  const security = [...upgrades.values()].filter(Boolean).length;
  return { total: upgrades.size, security, names: someNames([...upgrades.keys()]) };
}

import { expect, test } from 'vitest';
import { helpFor, openerOf, PANES } from '../../collectors/help.ts';
import { remedyOf, stepsOf, variantsOf, words, type Computer } from '../../collectors/words.ts';
import { checkIds, specs } from '../../collectors/specs.ts';

const linux: Computer = { platform: 'linux', family: null, version: null, build: null, desktop: null };

test.each<[Partial<Computer>, string]>([
  [{ platform: 'windows', version: '10.0.19045.4170', build: '19045' }, 'windows-10'],
  [{ platform: 'windows', version: '10.0.26100.1', build: '26100' }, ''],
  [{ platform: 'windows' }, ''],
  [{ platform: 'macos', version: '12.7.6' }, 'macos-12'],
  [{ platform: 'macos', version: '13.0' }, ''],
  [{ platform: 'macos' }, ''],
  [{ family: 'ubuntu', desktop: 'ubuntu:GNOME' }, 'ubuntu gnome'],
  [{ family: 'rocky' }, 'fedora'],
  [{ family: 'opensuse-tumbleweed', desktop: 'KDE' }, 'suse kde'],
  [{ family: 'arch', desktop: 'XFCE' }, ''],
])('%j is %s', (change, variants) => {
  expect(variantsOf({ ...linux, ...change }).join(' ')).toBe(variants);
});

test('steps are those of the very computer, in its user’s language', () => {
  const steps = (language: 'en' | 'de', change: Partial<Computer>) =>
    stepsOf(words[language].remedies['firewall-off'], { ...linux, ...change });
  expect(steps('en', { family: 'ubuntu' })[1]).toBe('Enter “sudo ufw enable” and your password.');
  expect(steps('de', { platform: 'macos', version: '12.1' })[0]).toContain('Sicherheit, Firewall');
  expect(steps('en', { platform: 'macos', version: '15.1' })[0]).toBe(
    'Open System Settings, Network, Firewall.',
  );
  expect(steps('en', { family: 'arch' })).toHaveLength(1);
});

test('a reason that only a newer agent knows has no words here', () => {
  expect(remedyOf('en', 'brand-new')).toBeNull();
  expect(remedyOf('de', 'constructor')).toBeNull();
});

test('only what the systems know is ever opened', () => {
  for (const pane of PANES)
    for (const platform of ['windows', 'macos', 'linux'] as const) {
      const opener = openerOf(pane, platform, platform === 'macos' ? ['macos-12'] : []);
      if (opener?.kind === 'uri')
        expect(opener.uri).toMatch(
          /^(ms-settings:[a-z-]+|windowsdefender:\/\/[a-z]+\/|x-apple\.systempreferences:[A-Za-z.?-]+)$/,
        );
      else for (const name of opener?.names ?? []) expect(name).toMatch(/^[A-Za-z0-9_.-]+$/);
    }
});

test('every reason says how long mending takes', () => {
  for (const id of checkIds)
    for (const reason of [...specs[id].reasons, `${id}-unknown`])
      expect(helpFor(id, reason).takes).toBeTruthy();
});

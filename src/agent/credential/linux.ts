import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OWN_PREFIX } from '../../../collectors/vpn-client/linux-profile.ts';
import { isMissing } from '../../base/atomic-file.ts';
import { nmcli } from '../../base/commands.ts';
import { writeFiles } from '../vpn/linux-files.ts';
import { hasNetworkManager } from '../vpn/linux-set-networkmanager.ts';
import { act, type Tools } from '../vpn/linux-tools.ts';
import type { CredentialProfiles } from './keeper.ts';

type Kind = {
  folder: string;
  prefix: string;
  change(text: string, user: string, password: string | null): string;
};

/** Files of our own profiles; those of others are not touched. Text in, text out. */
const KINDS: readonly Kind[] = [
  { folder: '/etc/ppp', prefix: `options.${OWN_PREFIX}`, change: changedOptions },
  { folder: '/etc/NetworkManager/system-connections', prefix: OWN_PREFIX, change: changedKeyfile },
];

/** pppd's options: the password stands behind the name that it belongs to. */
export function changedOptions(text: string, user: string, password: string | null): string {
  const name = `name "${user}"`;
  const lines = text.split('\n');
  if (!lines.includes(name)) return text;
  const rest = lines.filter((line) => !line.startsWith('password '));
  if (password !== null) rest.splice(rest.indexOf(name) + 1, 0, `password "${password}"`);
  return rest.join('\n');
}

/** NetworkManager's keyfile. Flag 0: stored in the file; 1: whoever asks for the connection is asked. */
export function changedKeyfile(text: string, user: string, password: string | null): string {
  if (!text.split('\n').includes(`user=${user}`)) return text;
  const bare = text
    .replace(/^password=.*\n/gm, '')
    .replace(/^password-flags=.*$/m, `password-flags=${password === null ? 1 : 0}`);
  if (password === null) return bare;
  return bare.includes('[vpn-secrets]\n')
    ? bare.replace('[vpn-secrets]\n', `[vpn-secrets]\npassword=${password}\n`)
    : `${bare.trimEnd()}\n\n[vpn-secrets]\npassword=${password}\n`;
}

/** A session that is up goes on: the files matter with the next one. */
export function linuxCredentialProfiles(tools: Tools): CredentialProfiles {
  return {
    async apply(user, password) {
      for (const { folder, prefix, change } of KINDS) {
        for (const name of await namesIn(folder)) {
          if (name.startsWith(prefix))
            await changeFile(tools, join(folder, name), (text) => change(text, user, password));
        }
      }
    },
  };
}

async function changeFile(tools: Tools, path: string, change: (text: string) => string): Promise<void> {
  const text = await tools.host.readText(path);
  if (!text.ok) return;
  const content = change(text.value);
  if (content === text.value) return;
  await writeFiles(tools, [{ path, content, mode: 0o600 }]);
  if (!path.endsWith('.nmconnection') || !(await hasNetworkManager(tools))) return;
  await act(tools, 'nmcli load', nmcli, ['connection', 'load', path]);
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

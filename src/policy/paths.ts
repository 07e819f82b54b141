import { z } from 'zod';

/*
 * Places that a policy may ask about. Whole paths only: nothing that is resolved against a folder, a variable or a
 * pattern. Left out are users' own folders (what an employee keeps is not the company's question) and places of
 * secrets, where even "is it this content?" would be a way of guessing.
 */

const MAX_PATH = 400;

/** In lower case; each stands for itself and everything below it. */
const CLOSED_POSIX = [
  '/proc',
  '/sys',
  '/dev',
  '/root',
  '/home',
  '/users',
  '/var/root',
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/master.passwd',
  '/etc/sudoers',
  '/etc/sudoers.d',
  '/etc/ssl/private',
  '/etc/pki/private',
  '/etc/pki/tls/private',
  '/etc/ssh',
  '/etc/krb5.keytab',
  '/etc/ipsec.secrets',
  '/etc/ipsec.d',
  '/etc/swanctl',
  '/etc/ppp',
  '/etc/xl2tpd/l2tp-secrets',
  '/etc/networkmanager/system-connections',
  '/etc/wpa_supplicant',
  '/var/lib/drawbridge',
  '/var/db/dslocal',
  '/library/keychains',
  '/library/application support/drawbridge',
];

const CLOSED_WINDOWS = [
  'users',
  'documents and settings',
  'windows\\system32\\config',
  'windows\\system32\\microsoft\\protect',
  'windows\\ntds',
  'programdata\\drawbridge',
  'programdata\\microsoft\\crypto',
  'programdata\\microsoft\\protect',
  'programdata\\ssh',
];

export const posixPath = z
  .string()
  .max(MAX_PATH)
  .regex(/^(?:\/[^/\p{Cc}]+)+$/u, 'has to be an absolute path of a file')
  .refine((path) => !path.split('/').some(isDots), 'may not contain . or ..')
  .refine((path) => !isBelow(path.toLowerCase().replace(/^\/private(?=\/)/, ''), CLOSED_POSIX, '/'), {
    message: 'may not be in a place of users, secrets or the kernel',
  });

export const windowsPath = z
  .string()
  .max(MAX_PATH)
  .regex(
    /^[A-Za-z]:(?:\\[^\\/:*?"<>|\p{Cc}]+)+$/u,
    'has to be an absolute path of a file such as C:\\Folder\\file',
  )
  // Windows itself drops trailing dots and spaces, and "~1" is another name of something else.
  .refine((path) => !path.split('\\').some((part) => /^\.|[. ]$|~\d/.test(part)), {
    message: 'may not contain . or .., a short name, or a name that ends in a dot or space',
  })
  .refine((path) => !path.split('\\').some(isDevice), 'may not name a device')
  .refine((path) => !isBelow(path.slice(3).toLowerCase(), CLOSED_WINDOWS, '\\'), {
    message: 'may not be in a place of users or secrets',
  });

export const registryKey = z
  .string()
  .max(MAX_PATH)
  .regex(
    /^HKLM\\(?:SOFTWARE|SYSTEM)(?:\\[A-Za-z0-9 _.+(){}-]+)+$/,
    'has to be a key below HKLM\\SOFTWARE or HKLM\\SYSTEM',
  );

function isDots(part: string): boolean {
  return part === '.' || part === '..';
}

function isDevice(part: string): boolean {
  return /^(?:con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(?:\.|$)/i.test(part);
}

function isBelow(path: string, closed: readonly string[], separator: string): boolean {
  return closed.some((place) => path === place || path.startsWith(`${place}${separator}`));
}

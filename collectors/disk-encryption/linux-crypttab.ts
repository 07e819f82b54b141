/** One volume of crypttab(5) that a file opens. */
export type KeyFile = { name: string; path: string };

/** What opens a volume in place of the file that is named. */
const OTHER_KEY = /\b(?:keyscript|tpm2-device|fido2-device|pkcs11-uri)=/;

/** Lines `name device key options`. A key on a device of its own (`/key:UUID=…`) and random keys for swap are no files here. */
export function parseCrypttab(text: string): KeyFile[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , path = '', options = ''] = line.trim().split(/\s+/);
    const isFile = path.startsWith('/') && !path.startsWith('/dev/') && !path.includes(':');
    return name.startsWith('#') || !isFile || OTHER_KEY.test(options) ? [] : [{ name, path }];
  });
}

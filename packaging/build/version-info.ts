import { readFileSync, writeFileSync } from 'node:fs';
import { NtExecutable, NtExecutableResource } from 'pe-library';
import { Resource } from 'resedit';

/** What Windows shows of an executable. */
export type VersionInfo = { name: string; description: string; version: string };

const ENGLISH = 1_033;
const UNICODE = 1_200;

/** Gives a file a version resource, in the place of Node's own; Node's signature, which would not fit any more, goes. */
export function stampWindows(file: string, { name, description, version }: VersionInfo): void {
  const executable = NtExecutable.from(readFileSync(file), { ignoreCert: true });
  const resources = NtExecutableResource.from(executable);
  const [found] = Resource.VersionInfo.fromEntries(resources.entries);
  const info = found ?? Resource.VersionInfo.createEmpty();
  info.lang = ENGLISH;
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  info.setFileVersion(major, minor, patch, 0, ENGLISH);
  info.setProductVersion(major, minor, patch, 0, ENGLISH);
  info.setStringValues(
    { lang: ENGLISH, codepage: UNICODE },
    {
      ProductName: 'Drawbridge',
      FileDescription: description,
      CompanyName: 'Drawbridge',
      LegalCopyright: 'Apache-2.0; contains Node.js, see LICENSE',
      OriginalFilename: `${name}.exe`,
      InternalName: name,
    },
  );
  info.outputToResourceEntries(resources.entries);
  resources.outputResource(executable);
  writeFileSync(file, Buffer.from(executable.generate()));
}

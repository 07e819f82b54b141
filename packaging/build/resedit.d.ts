// What we use of `resedit` and `pe-library`, whose own types bring those of a browser along and change everybody else's.
export class NtExecutable {
  static from(file: Uint8Array, options: { ignoreCert: boolean }): NtExecutable;
  generate(): ArrayBuffer;
}

export class NtExecutableResource {
  entries: unknown[];
  static from(executable: NtExecutable): NtExecutableResource;
  outputResource(executable: NtExecutable): void;
}

type Language = { lang: number; codepage: number };

declare class VersionInfo {
  static createEmpty(): VersionInfo;
  static fromEntries(entries: readonly unknown[]): VersionInfo[];
  /** An empty one has none; without it, Windows takes none of its languages. */
  lang: string | number;
  setFileVersion(major: number, minor: number, micro: number, revision: number, lang: number): void;
  setProductVersion(major: number, minor: number, micro: number, revision: number, lang: number): void;
  setStringValues(language: Language, values: Readonly<Record<string, string>>): void;
  outputToResourceEntries(entries: unknown[]): void;
}

export const Resource: { VersionInfo: typeof VersionInfo };

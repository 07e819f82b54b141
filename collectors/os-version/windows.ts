import { z } from 'zod';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { askObject } from '../windows-probe.ts';
import { integer, numbered, text } from '../windows-values.ts';
import type { OsVersion } from './spec.ts';

const currentVersion = z.object({
  CurrentBuild: integer,
  UBR: integer,
  DisplayVersion: text,
  ReleaseId: text,
  ProductName: text,
  EditionID: text,
  InstallationType: text,
  // LanmanNT is a domain controller. The registry has the words, Win32_OperatingSystem the numbers.
  ProductType: numbered({ WinNT: 1, LanmanNT: 2, ServerNT: 3 }),
});

type CurrentVersion = z.output<typeof currentVersion>;

export async function read(host: Host): Promise<Observed<OsVersion>> {
  const answer = await askObject(host, 'currentVersion', currentVersion);
  return answer.ok ? describe(answer.value) : answer.error;
}

function describe(version: CurrentVersion): Observed<OsVersion> {
  const { CurrentBuild: build, UBR: revision } = version;
  if (build === null || build <= 0) return unknown('unparsable', 'currentVersion: no CurrentBuild');
  const family = familyOf(version);
  return known({
    platform: 'windows',
    family,
    name: family === 'windows-server' ? serverName(version.ProductName, build) : clientName(family, build),
    version: [kernelOf(build), build, ...(revision === null ? [] : [revision])].join('.'),
    build: String(build),
    // ReleaseId stopped at 2009; DisplayVersion came with 20H2.
    display: version.DisplayVersion ?? version.ReleaseId,
    edition: version.EditionID,
    kernel: null,
    arch: null,
    endOfSupport: null,
    container: null,
  });
}

/**
 * InstallationType first: the multi-session client (ServerRdsh) has a server's edition and product type. `windows`
 * where nothing says which of the two it is.
 */
function familyOf({
  InstallationType: installed,
  ProductType: type,
  EditionID: edition,
}: CurrentVersion): string {
  if (installed !== null) return /server/i.test(installed) ? 'windows-server' : 'windows-client';
  if (type !== null) return type === 1 ? 'windows-client' : 'windows-server';
  if (edition !== null) return /^server/i.test(edition) ? 'windows-server' : 'windows-client';
  return 'windows';
}

/** The registry's CurrentVersion stays at 6.3 for compatibility, so the kernel follows from the build. */
function kernelOf(build: number): string {
  if (build >= 10_240) return '10.0';
  return KERNELS.find(([first]) => build >= first)?.[1] ?? '6.0';
}

const KERNELS: readonly (readonly [number, string])[] = [
  [9600, '6.3'],
  [9200, '6.2'],
  [7600, '6.1'],
];

const CLIENTS: readonly (readonly [number, string])[] = [
  [22_000, 'Windows 11'],
  [10_240, 'Windows 10'],
  [9600, 'Windows 8.1'],
  [9200, 'Windows 8'],
  [7600, 'Windows 7'],
  [6000, 'Windows Vista'],
];

/** By build alone: ProductName still says "Windows 10" on Windows 11. */
function clientName(family: string, build: number): string | null {
  if (family !== 'windows-client') return null;
  return CLIENTS.find(([first]) => build >= first)?.[1] ?? null;
}

const SERVERS: readonly (readonly [number, string])[] = [
  [26_100, 'Windows Server 2025'],
  [20_348, 'Windows Server 2022'],
  [17_763, 'Windows Server 2019'],
  [14_393, 'Windows Server 2016'],
  [9600, 'Windows Server 2012 R2'],
  [9200, 'Windows Server 2012'],
  [7600, 'Windows Server 2008 R2'],
];

/** The product's name without its edition; releases between the long-term ones have no year in it. */
function serverName(product: string | null, build: number): string | null {
  const named = /^Windows Server(?: \d{4}(?: R2)?)?/i.exec(product ?? '')?.[0];
  return named ?? SERVERS.find(([first]) => build >= first)?.[1] ?? null;
}

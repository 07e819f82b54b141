/*
 * The PowerShell of a cycle. Starting Windows PowerShell costs between 0.2 and 2 s, so there is one process for all
 * the questions: this module puts the checks' own small scripts together, and `windows-cycle.ts` runs the whole.
 */

export type ScriptKind = 'full' | 'updates';

type Script = {
  /** Files in `collectors/`, in the order of their questions. */
  parts: readonly string[];
  /** The probes that these files answer. */
  probes: readonly string[];
  /** Seconds after which no further probe is begun; those that are left report a timeout. */
  budgetSeconds: number;
  /** Seconds that one WMI question may take. */
  cimSeconds: number;
  /** Milliseconds after which the whole process is ended and nothing is known. */
  timeoutMs: number;
};

/** `updates` asks the update service, which may take minutes and changes slowly: it has a schedule of its own. */
export const scripts: Readonly<Record<ScriptKind, Script>> = {
  full: {
    parts: [
      'os-version/windows.ps1',
      'os-patch/windows.ps1',
      'screen-lock/windows.ps1',
      'secure-boot/windows.ps1',
      'windows-services.ps1',
      'l2tp-server/windows.ps1',
      'vpn-client/windows.ps1',
      'firewall/windows.ps1',
      'disk-encryption/windows.ps1',
      'antivirus/windows.ps1',
      'detections/windows.ps1',
    ],
    probes: [
      'currentVersion',
      'pendingReboot',
      'screenLock',
      'secureBoot',
      'tpm',
      'services',
      'udpEndpoints',
      'remoteAccess',
      'vpnConnections',
      'phonebooks',
      'rasParameters',
      'firewallProfiles',
      'encryptableVolumes',
      'volumes',
      'antivirusProducts',
      'defender',
      'threats',
      'threatDetections',
    ],
    budgetSeconds: 60,
    cimSeconds: 20,
    timeoutMs: 90_000,
  },
  updates: {
    parts: ['os-patch/windows-updates.ps1'],
    probes: ['hotfixes', 'autoUpdate', 'updates'],
    budgetSeconds: 240,
    cimSeconds: 60,
    timeoutMs: 300_000,
  },
};

/** Reads one of our own script files by its path in `collectors/`; where they lie differs between sources and a package. */
export type ReadPart = (file: string) => string;

/** The whole script as text: it prints one JSON document (see `windows-document.ts`) and nothing else. */
export function scriptFor(kind: ScriptKind, readPart: ReadPart): string {
  const { parts, budgetSeconds, cimSeconds } = scripts[kind];
  return [
    `$budgetSeconds = ${budgetSeconds}`,
    `$cimSeconds = ${cimSeconds}`,
    ...['windows-prologue.ps1', ...parts, 'windows-epilogue.ps1'].map(readPart),
  ].join('\n');
}

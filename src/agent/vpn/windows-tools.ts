import { randomBytes } from 'node:crypto';
import type { Host } from '../../../collectors/check.ts';
import type { ProbeLookup } from '../../../collectors/windows-cycle.ts';
import { failureOf } from '../../../collectors/windows-probe.ts';
import { rasdial } from '../../base/commands.ts';
import type { Logger } from '../../base/log.ts';
import type { VpnState } from './driver.ts';
import { takeSteps } from './windows-powershell.ts';
import { GROUP, LOOKING, stateFrom } from './windows-view.ts';

export type WindowsTools = {
  host: Host;
  log: Logger;
  /** A word that no earlier set of rules has in its names. */
  generation(): string;
};

export function newGeneration(): string {
  return randomBytes(4).toString('hex');
}

/** Milliseconds that one step in the script waits for something that should be there at once. */
const PATIENCE_MS = 5_000;

type Act = { files: readonly string[]; probes: readonly string[]; want: Readonly<Record<string, unknown>> };

/** Acts and looks in one process. */
export async function actAndLook(
  { host }: WindowsTools,
  { files, probes, want }: Act,
): Promise<{ lookup: ProbeLookup; seen: VpnState }> {
  const lookup = await takeSteps(host, {
    files: [
      'src/agent/vpn/windows-firewall.ps1',
      'src/agent/vpn/windows-sessions.ps1',
      ...files,
      ...LOOKING.files,
    ],
    probes: [...probes, ...LOOKING.probes],
    want: { group: GROUP, rasdial: rasdial.path, patienceMs: PATIENCE_MS, ...want },
  });
  return { lookup, seen: await stateFrom(host, lookup) };
}

/** Why a step did not work; null where it did. */
export function problemIn(lookup: ProbeLookup, step: string): string | null {
  const answer = lookup(step);
  if (answer === null) return `${step}: Windows PowerShell did not get there`;
  return answer.ok ? null : failureOf(step, answer).detail;
}

import { z } from 'zod';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { askRows, mostTelling } from '../windows-probe.ts';
import { flag, integer, numbered, text, time } from '../windows-values.ts';

type Detections = Fact<'detections'>;
type Open = Detections['open'][number];

const SOURCE = 'Microsoft Defender Antivirus';

const threat = z.object({
  ThreatID: integer,
  ThreatName: text,
  SeverityID: numbered({ Unknown: 0, Low: 1, Moderate: 2, High: 4, Severe: 5 }),
  IsActive: flag,
  DidThreatExecute: flag,
});

const threatDetection = z.object({
  DetectionID: text,
  ThreatID: integer,
  ThreatStatusID: integer,
  CurrentThreatExecutionStatusID: integer,
  InitialDetectionTime: time,
  RemediationTime: time,
});

type Threat = z.output<typeof threat>;
type ThreatDetection = z.output<typeof threatDetection>;

/** A threat is a kind of malware, a detection one finding of it; the two are joined on ThreatID. */
export async function read(host: Host): Promise<Observed<Detections>> {
  const threats = await askRows(host, 'threats', threat);
  const findings = await askRows(host, 'threatDetections', threatDetection);
  if (!threats.ok && !findings.ok) return mostTelling(findings.error, threats.error);
  return known(
    summarize(
      threats.ok ? threats.value : [],
      findings.ok ? findings.value : [],
      findings.ok ? 'findings' : 'threats',
    ),
  );
}

function summarize(
  threats: readonly Threat[],
  findings: readonly ThreatDetection[],
  countedBy: 'findings' | 'threats',
): Detections {
  const byId = new Map(threats.map((one) => [one.ThreatID, one]));
  const openFindings = findings.flatMap((one) => openFinding(one, byId.get(one.ThreatID)) ?? []);
  const found = new Set(findings.map((one) => one.ThreatID));
  const told = new Set(findings.filter((one) => statusOf(one) !== null).map((one) => one.ThreatID));
  // Active although no finding of it is open: the class that says so is believed. One that does not say counts as
  // active unless its findings are dealt with.
  const openThreats = threats.filter(({ ThreatID: id, IsActive: active }) =>
    active === null ? !found.has(id) : active && !told.has(id),
  );
  const closed =
    countedBy === 'findings'
      ? findings.length - openFindings.length
      : threats.filter((one) => one.IsActive === false).length;
  return {
    sources: [{ name: SOURCE, readable: true }],
    open: [...openFindings, ...openThreats.map(openThreat)].slice(0, 200),
    recentClosed: closed,
  };
}

function openFinding(finding: ThreatDetection, threat: Threat | undefined): Open | null {
  const status = statusOf(finding);
  if (status === null) return null;
  return {
    source: SOURCE,
    id: finding.DetectionID,
    name: threat?.ThreatName ?? null,
    severity: severityOf(threat),
    status,
    executed: executedOf(finding, threat),
    detectedAt: finding.InitialDetectionTime,
  };
}

function openThreat(threat: Threat): Open {
  return {
    source: SOURCE,
    id: threat.ThreatID === null ? null : String(threat.ThreatID),
    name: threat.ThreatName,
    severity: severityOf(threat),
    status: 'open',
    executed: threat.DidThreatExecute,
    detectedAt: null,
  };
}

const OPEN_STATUS: ReadonlyMap<number, Open['status']> = new Map([
  [1, 'open'],
  [5, 'allowed'],
  // Cleaning, quarantine, removal, or blocking failed, or was given up (106).
  [102, 'remediation-failed'],
  [103, 'remediation-failed'],
  [104, 'remediation-failed'],
  [106, 'remediation-failed'],
  [107, 'remediation-failed'],
]);

/**
 * Null for what is dealt with. ActionSuccess closes nothing: it is true for "no action", too. Without a status, only a
 * remediation does.
 */
function statusOf({
  ThreatStatusID: status,
  RemediationTime: remediated,
}: ThreatDetection): Open['status'] | null {
  if (status === null || status === 0) return remediated === null ? 'open' : null;
  return OPEN_STATUS.get(status) ?? null;
}

/** OCSF has "informational" (1), which Defender has not, and calls Defender's severe "critical". */
const SEVERITY: ReadonlyMap<number | null, number> = new Map([
  [1, 2],
  [2, 3],
  [4, 4],
  [5, 5],
]);

function severityOf(threat: Threat | undefined): number {
  return SEVERITY.get(threat?.SeverityID ?? null) ?? 0;
}

/** Blocked, allowed, executing, not executing; 0 is unknown. */
const EXECUTED: ReadonlyMap<number | null, boolean> = new Map([
  [1, false],
  [2, true],
  [3, true],
  [4, false],
]);

function executedOf(finding: ThreatDetection, threat: Threat | undefined): boolean | null {
  const now = EXECUTED.get(finding.CurrentThreatExecutionStatusID) ?? null;
  const ever = threat?.DidThreatExecute ?? null;
  return ever === true ? true : (now ?? ever);
}

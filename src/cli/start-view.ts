import type { DeviceDocument } from './api-client.ts';
import { judgedTable, remedyLines, riskLine } from './judged.ts';
import { paint } from './present.ts';
import type { Access } from '../wire/decision.ts';

const ACCESS_COLOURS = { allow: 'green', restrict: 'yellow', quarantine: 'yellow', deny: 'red' } as const;

const ACCESS_WORDS: Record<Access, string> = {
  allow: 'allowed',
  restrict: 'restricted',
  quarantine: 'in quarantine',
  deny: 'denied',
};

/** This machine as the company would see it: what was read, how it was judged, what follows, where to look further. */
export async function overview(document: DeviceDocument, url: string): Promise<string> {
  const { device, readings, verdicts, risk, decision, requiredUnknown } = document;
  const lines = [
    `${paint('bold', device.name)} as your company would see it`,
    '',
    await judgedTable(readings, verdicts),
    ...(verdicts.some(({ level }) => level === 'unknown') ? ['', paint('dim', UNKNOWN)] : []),
    '',
    `Risk: ${riskLine(risk, decision?.policy ?? 'none')}`,
    ...(requiredUnknown.length > 0
      ? [`Could not judge: ${requiredUnknown.join(', ')} could not be read.`]
      : []),
    ...(decision === null ? [] : [`VPN:  ${access(decision.access)}. ${decision.sentence}`]),
    '',
    ...whatToDo(document),
    paint('dim', 'Look further:'),
    paint('dim', `  npm run -s server -- device ${device.id} --data .drawbridge/server`),
    paint('dim', '  npm run -s drawbridge -- status --state .drawbridge/agent'),
    paint('dim', `  curl --cacert .drawbridge/server/tls-ca.pem ${url}/v1/openapi.json`),
  ];
  return `${lines.join('\n')}\n`;
}

const UNKNOWN =
  'unknown: nobody could tell. It counts neither for nor against, until the policy’s time for it is over.';

/** The remedy for the one thing to fix; its sentence only where the decision has not just said it. */
function whatToDo({ firstToFix, decision, device }: DeviceDocument): string[] {
  if (firstToFix === null) return [];
  const lines = remedyLines(firstToFix, device.platform);
  return [...(firstToFix.reason === decision?.reason ? ['What to do first:', ...lines.slice(1)] : lines), ''];
}

/** One quiet line: when, what the company would decide now, and whether that has changed. */
export function heartbeatLine(before: DeviceDocument, now: DeviceDocument): string {
  const time = new Date(now.lastSeen ?? Date.now()).toLocaleTimeString('en-GB');
  const decided = now.decision === null ? 'no decision' : `VPN ${access(now.decision.access)}`;
  const changed = before.decision?.access === now.decision?.access ? '' : `  ${now.decision?.sentence ?? ''}`;
  return `${paint('dim', time)}  heartbeat  risk ${now.risk.level} (${now.risk.score})  ${decided}${changed}\n`;
}

function access(value: Access): string {
  return paint(ACCESS_COLOURS[value], ACCESS_WORDS[value]);
}

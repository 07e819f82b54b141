import type { Readings } from '../../collectors/specs.ts';
import type { Decision } from '../wire/decision.ts';
import type { Inventory } from '../wire/inventory.ts';
import type { TimelineEvent } from '../server/timeline.ts';
import type { DeviceDocument } from '../server/device-document.ts';
import { judgedTable, riskLine } from './judged.ts';
import { paint, printable, table } from './present.ts';

/** Decisions of the past, newest first. */
export type Past = ({ at: string } & Pick<Decision, 'access' | 'risk' | 'reason' | 'sentence'>)[];

/** One device for a person; `past` is what `--why` adds. */
export async function deviceText(document: DeviceDocument, past: Past | null): Promise<string> {
  const { device, readings, verdicts, risk, decision, requiredUnknown } = document;
  const parts = [
    [
      `${paint('bold', device.name)}  ${device.id}`,
      `${device.platform}, ${device.status}, ${heard(document)}`,
      ...inventoryLines(device.inventory),
    ],
    alarmLines(document),
    [await judgedTable(readings as Partial<Readings>, verdicts)],
    [
      `Risk: ${riskLine(risk, decision?.policy ?? 'none')}`,
      ...(requiredUnknown.length > 0
        ? [`Could not judge: ${requiredUnknown.join(', ')} could not be read.`]
        : []),
      decision === null
        ? 'No decision yet.'
        : `VPN:  ${decision.access} since ${decision.since}. ${decision.sentence}`,
    ],
    await orderLines(document),
    past === null ? [] : await whyLines(document, past),
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** The latest first. */
export function timelineText(events: readonly TimelineEvent[]): Promise<string> {
  const rows = events.map(({ at, kind, text }) => [at, kind, text]);
  return table(['When', 'What', 'How'], rows.length === 0 ? [['', '', 'Nothing yet.']] : rows);
}

function heard({ connected, lastSeen }: DeviceDocument): string {
  if (lastSeen === null) return connected ? 'connected, not heard yet' : 'never heard';
  return `${connected ? 'connected' : 'not connected'}, last heard ${lastSeen}`;
}

function inventoryLines(inventory: Inventory | null): string[] {
  if (inventory === null) return [];
  const { manufacturer, model, chassis, virtual, cpu, memoryBytes } = inventory;
  const words = [
    [manufacturer, model].filter((word) => word !== null).join(' '),
    chassis,
    virtual === true ? 'virtual' : null,
    cpu,
    memoryBytes === null ? null : `${gibibytes(memoryBytes)} GiB of memory`,
  ].filter((word) => word !== null && word !== '');
  return words.length === 0 ? [] : [`Computer: ${words.join(', ')}`];
}

function gibibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 30) * 10) / 10;
}

const THROUGH_TUNNEL =
  'It reaches this server through its own VPN. If that is its only way, it cannot be let in again once its VPN is denied: make the server reachable outside the tunnel.';

const L2TP_SERVER =
  'It serves L2TP, and nobody has accepted that. Close it: drawbridge-server l2tp-server close --device ID; or it is meant: drawbridge-server l2tp-server accept ID.';

function alarmLines({ alarms, device }: DeviceDocument): string[] {
  if (alarms.length === 0) return [];
  return [
    paint('red', `Alarm: ${alarms.join(', ')}`),
    ...(alarms.includes('through_tunnel') ? [THROUGH_TUNNEL] : []),
    ...(alarms.includes('l2tp_server') ? [L2TP_SERVER] : []),
    `Once you have looked: drawbridge-server device clear-alarm ${device.id}`,
  ];
}

async function orderLines({ orders }: DeviceDocument): Promise<string[]> {
  if (orders.length === 0) return [];
  const rows = orders
    .slice(0, 5)
    .map((order) => [order.issuedAt, `${order.action} ${order.target}`, order.state, order.reason ?? '']);
  return [await table(['Ordered', 'Order', 'State', 'The device says'], rows)];
}

async function whyLines({ explanation }: DeviceDocument, past: Past): Promise<string[]> {
  const { checks, story, toAllow, deadline } = explanation;
  const open = checks.map(({ check, level, points, weight, since, until }) => [
    check,
    level,
    `${points} of ${weight}`,
    since ?? '',
    until ?? '',
  ]);
  const before = past.map(({ at, access, risk, sentence }) => [at, access, String(risk.score), sentence]);
  return [
    open.length === 0
      ? 'Every check that is judged has passed.'
      : await table(['Check', 'Verdict', 'Points', 'Since', 'Until'], open),
    '',
    paint('bold', 'How the decision came about'),
    ...story.map((sentence, index) => `  ${index + 1}. ${printable(sentence)}`),
    ...(deadline === null ? [] : [`  The next deadline is ${deadline}.`]),
    ...(toAllow.length === 0
      ? []
      : ['', paint('bold', 'What would make it allow'), ...toAllow.map((one) => `  - ${printable(one)}`)]),
    '',
    await table(['Decided', 'Access', 'Score', 'Why'], before),
  ];
}

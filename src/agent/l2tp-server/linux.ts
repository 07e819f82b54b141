import { messageOf } from '../../base/errors.ts';
import { nft, systemctl } from '../../base/commands.ts';
import { STATUS } from '../../wire/order.ts';
import { act, becomes, complaint, edge, type Tools } from '../vpn/linux-tools.ts';
import { look, readAttempts, type Look } from './linux-look.ts';
import { CLOSE_RULES, COUNT_RULES, OPEN_RULES } from './linux-rules.ts';
import { readUnit } from './linux-units.ts';
import type { Closing, ClosingFile, UnitBefore } from './record.ts';
import {
  ClosingFailure,
  type Changed,
  type CloseWish,
  type Held,
  type L2tpServerControl,
} from './control.ts';

export type ServerTools = Tools & {
  file: ClosingFile;
  /** Whether an L2TP server answers on one of this computer's own addresses. */
  answers(): Promise<boolean>;
  /** What has to go on working, by name; null: was not tried. */
  works(): Promise<Readonly<Record<string, boolean | null>>>;
};

/** Stopping waits for pppd of each session. */
const STOP_TIMEOUT_MS = 20_000;
const QUIET_WITHIN_MS = 5_000;

/** Closes and reopens what serves L2TP under systemd, or behind a rule of nftables. One call at a time. */
export function linuxL2tpServer(tools: ServerTools): L2tpServerControl {
  return {
    async status() {
      const [closing, seen] = await Promise.all([tools.file.read(), look(tools.host)]);
      return { closing, seen };
    },
    held: () => held(tools),
    close: (wish) => close(tools, wish),
    reopen: () => reopen(tools),
    recover: () => recover(tools),
  };
}

async function close(tools: ServerTools, wish: CloseWish): Promise<Changed> {
  const { file, clock, host } = tools;
  const found = await file.read();
  if (found !== null && found.way !== wish.way)
    throw new ClosingFailure(`It is closed by ${found.way} already; reopen it first.`, STATUS.busy);
  const before = await look(host);
  refuseUnsafe(before, wish);
  const units = found?.units ?? (wish.way === 'service' ? await unitsOf(tools, before) : []);
  if (found === null && wish.way === 'service' && isShut(before) && units.length === 0)
    return { before, after: before, closing: null };
  const worked = await tools.works();
  const { until, reason, order } = wish;
  const closing: Closing = {
    phase: 'closing',
    way: wish.way,
    units,
    since: clock.now(),
    until,
    reason,
    order,
  };
  await note(tools, found === null ? closing : { ...found, phase: 'closing', until, reason, order });
  try {
    await bringAbout(tools, closing);
    const after = await proveClosed(tools, closing, { worked, clients: before.clientThrough.length });
    const closed: Closing = { ...closing, since: found?.since ?? closing.since, phase: 'closed' };
    await note(tools, closed);
    return { before, after, closing: closed };
  } catch (error) {
    const message = messageOf(error);
    const undone = await reopen(tools).then(
      () => 'Everything is as before.',
      (problem: unknown) =>
        `Putting it back failed: ${problem instanceof Error ? problem.message : String(problem)}`,
    );
    throw new ClosingFailure(`${message} ${undone}`, STATUS.failed);
  }
}

/** What must not be closed, or not without being told twice. */
function refuseUnsafe({ fact, problem, connected, clientThrough, ssh }: Look, wish: CloseWish): void {
  if (fact === null)
    throw new ClosingFailure(`What serves L2TP could not be read: ${problem}`, STATUS.failed);
  const ours = new Set(fact.services.map(({ name }) => name));
  if (wish.way === 'service' && clientThrough.some((service) => service !== null && ours.has(service)))
    throw new ClosingFailure(
      'This computer is a client of another server right now, through the same service. Disconnect first, or close by firewall.',
      STATUS.busy,
    );
  if (wish.evenIfUsed || connected.length === 0) return;
  const way = ssh === true ? 'SSH stays as a way in.' : 'No other way in (SSH) was seen.';
  throw new ClosingFailure(
    `${connected.length} clients are connected (${connected.slice(0, 10).join(', ')}). ${way} Say that they may be cut off.`,
    STATUS.busy,
  );
}

/** Every service that could listen: whoever is stopped now would come back with a restart or an update. */
async function unitsOf({ host }: ServerTools, { fact }: Look): Promise<UnitBefore[]> {
  const names = (fact?.services ?? []).filter(
    ({ role, name }) => role !== 'client' || isListening(fact, name),
  );
  const units = await Promise.all(names.map(({ name }) => readUnit(host, name)));
  return units
    .filter((unit) => unit !== null)
    .filter(({ active, enabled, masked }) => !masked && (active || enabled))
    .map(({ name, active, enabled }) => ({ name, active, enabled }));
}

/** xl2tpd without any section answers and declines: no server, and a door all the same. */
function isListening(fact: Look['fact'], name: string): boolean {
  return fact?.listening.some(({ owner }) => owner.service === name) === true;
}

function isShut({ fact }: Look): boolean {
  return fact !== null && fact.listening.length === 0 && fact.verdict !== 'server';
}

/** Each step may have been done before: after a crash all are done again. */
async function bringAbout(tools: ServerTools, { way, units }: Closing): Promise<void> {
  if (way === 'firewall') return setRules(tools, 'block', CLOSE_RULES);
  for (const { name } of units) {
    await must(tools, 'stop', ['stop', name]);
    // Of a SysV script `disable` leaves the links of the runlevels; `mask` alone stops nothing (Debian 12 and 13).
    await must(tools, 'disable', ['disable', name]);
    await must(tools, 'mask', ['mask', name]);
  }
  await count(tools);
}

/** Closed it is without a packet filter, too: then nobody counts. */
async function count(tools: ServerTools): Promise<void> {
  const done = await act(tools, 'count', nft, ['-f', '-'], { stdin: COUNT_RULES });
  if (done.code !== 0) tools.log.warn({ nft: complaint(done) }, 'attempts on UDP 1701 are not counted');
}

async function held({ file, host }: ServerTools): Promise<Held | null> {
  const closing = await file.read();
  return closing?.phase === 'closed' ? { closing, attempts: await readAttempts(host) } : null;
}

type Expecting = { worked: Readonly<Record<string, boolean | null>>; clients: number };

async function proveClosed(
  tools: ServerTools,
  { way, units }: Closing,
  { worked, clients }: Expecting,
): Promise<Look> {
  const { clock, host } = tools;
  const isQuiet = async () => way === 'firewall' || isShut(await look(host));
  if (!(await becomes(clock, QUIET_WITHIN_MS, isQuiet))) {
    const { fact } = await look(host);
    const who = fact?.listening.map(({ owner }) => owner.process ?? 'the kernel').join(', ');
    throw new ClosingFailure(`UDP 1701 is still held (by ${who || 'somebody'}).`, STATUS.failed);
  }
  for (const { name } of units) {
    const unit = await readUnit(host, name);
    if (unit?.active === true || unit?.masked === false)
      throw new ClosingFailure(`${name} is not closed.`, STATUS.failed);
  }
  if (await tools.answers()) throw new ClosingFailure('L2TP still answers on UDP 1701.', STATUS.failed);
  const works = await tools.works();
  const broken = Object.keys(worked).filter((name) => worked[name] === true && works[name] === false);
  if (broken.length > 0) throw new ClosingFailure(`No longer works: ${broken.join(', ')}.`, STATUS.failed);
  const after = await look(host);
  if (after.clientThrough.length < clients)
    throw new ClosingFailure('A VPN session of this computer as a client has ended.', STATUS.failed);
  return after;
}

async function reopen(tools: ServerTools): Promise<Changed> {
  const { file, host } = tools;
  const before = await look(host);
  const found = await file.read();
  if (found === null) return { before, after: before, closing: null };
  await note(tools, { ...found, phase: 'reopening' });
  const isRuleThere = found.way === 'firewall' || (await readAttempts(host)) !== null;
  if (isRuleThere) await setRules(tools, 'unblock', OPEN_RULES);
  for (const unit of found.units.toReversed()) await putBack(tools, unit);
  await note(tools, null);
  return { before, after: await look(host), closing: null };
}

async function putBack(tools: ServerTools, before: UnitBefore): Promise<void> {
  const { name } = before;
  await must(tools, 'unmask', ['unmask', name]);
  if (before.enabled) await must(tools, 'enable', ['enable', name]);
  if (before.active) await must(tools, 'start', ['start', name]);
  const isBack = async () => {
    const now = await readUnit(tools.host, name);
    return now !== null && now.active === before.active && now.enabled === before.enabled && !now.masked;
  };
  if (!(await becomes(tools.clock, QUIET_WITHIN_MS, isBack)))
    throw new ClosingFailure(`${name} is not as it was before.`, STATUS.failed);
}

/** What an end in the middle left is completed: closed stays closed, also after a restart of the computer. */
async function recover(tools: ServerTools): Promise<Closing | null> {
  const found = await tools.file.read();
  if (found === null) return null;
  const isOver = found.until !== null && found.until <= tools.clock.now();
  if (isOver || found.phase === 'reopening') {
    await reopen(tools);
    return null;
  }
  // Rules do not outlive a restart of the computer; services stay masked. A rule that is there goes on counting.
  const isCounting = (await readAttempts(tools.host)) !== null;
  if (found.phase === 'closed' && isCounting) return found;
  if (found.phase === 'closed' && found.way === 'service') {
    await count(tools);
    return found;
  }
  await bringAbout(tools, found);
  await note(tools, { ...found, phase: 'closed' });
  return { ...found, phase: 'closed' };
}

function note(tools: ServerTools, closing: Closing | null): Promise<void> {
  return edge(tools, closing === null ? 'forgetting' : `note ${closing.phase}`, () =>
    tools.file.write(closing),
  );
}

async function setRules(tools: ServerTools, point: string, stdin: string): Promise<void> {
  const done = await act(tools, point, nft, ['-f', '-'], { stdin });
  if (done.code !== 0) throw new ClosingFailure(`nft: ${complaint(done)}`, STATUS.failed);
}

async function must(tools: ServerTools, point: string, argv: readonly string[]): Promise<void> {
  const done = await act(tools, point, systemctl, argv, { timeoutMs: STOP_TIMEOUT_MS });
  if (done.code !== 0)
    throw new ClosingFailure(`systemctl ${argv.join(' ')}: ${complaint(done)}`, STATUS.failed);
}

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ip } from '../base/commands.ts';
import { run } from '../base/exec.ts';
import { parseJson } from '../base/json.ts';

/** One PPP session of this gateway, as the system itself shows it now. */
export type PppSession = {
  /** 3 in ppp3: what pppd sends as NAS-Port. */
  unit: number;
  /** Changes when the same name is used again. */
  ifindex: number;
  pid: number;
  /** The address that the client got. */
  address: string;
  /** What the login's answer said, from pppd's radattr.so; empty and null where that plugin is not in use. */
  classes: string[];
  filterId: string | null;
};

/** Where the system shows its processes. */
const PROC = '/proc';
const MAX_SESSIONS = 10_000;

export const interfaceOf = (unit: number) => `ppp${unit}`;

/** A session of this one cannot be another, even one with the same unit and address. */
export const keyOf = ({ unit, ifindex, pid }: PppSession) => `${unit}/${ifindex}/${pid}`;

/** All sessions that are up: an interface with a peer, a pid file, and a pppd under that pid. */
export async function listSessions(runDir: string): Promise<PppSession[]> {
  const links = await readLinks();
  const sessions = await Promise.all(links.map((link) => sessionOf(runDir, link)));
  return sessions.filter((session) => session !== null);
}

const addresses = z.array(
  z.object({
    ifname: z.string().optional(),
    ifindex: z.number().optional(),
    addr_info: z
      .array(z.object({ local: z.string().optional(), address: z.string().optional() }))
      .default([]),
  }),
);

export type PppLink = Pick<PppSession, 'unit' | 'ifindex' | 'address'>;

/** The PPP interfaces in what `ip -json -4 addr show` prints. The peer is `address`; `local` is our own end. */
export function parseLinks(text: string): PppLink[] {
  const parsed = addresses.safeParse(parseJson(text));
  if (!parsed.success) return [];
  return parsed.data.flatMap(({ ifname = '', ifindex, addr_info: [first] }) => {
    const unit = /^ppp(\d{1,5})$/.exec(ifname)?.[1];
    const address = first?.address;
    if (unit === undefined || ifindex === undefined || address === undefined) return [];
    return [{ unit: Number(unit), ifindex, address }];
  });
}

async function sessionOf(runDir: string, link: PppLink): Promise<PppSession | null> {
  const name = interfaceOf(link.unit);
  const pid = parsePid(await text(join(runDir, `${name}.pid`)));
  if (pid === null || !(await isPppd(pid))) return null;
  return { ...link, pid, ...parseRadattr(await text(join(runDir, `radattr.${name}`))) };
}

/** Whether a pid is a pppd now: a pid file can be left over, and its number be another program's. */
export async function isPppd(pid: number): Promise<boolean> {
  return (await text(join(PROC, String(pid), 'comm'))) === 'pppd\n';
}

export function parsePid(file: string): number | null {
  const digits = /^\s*(\d{1,9})\s*$/.exec(file.split('\n')[0] ?? '')?.[1];
  return digits === undefined || Number(digits) < 2 ? null : Number(digits);
}

/** What radattr.so wrote, one `Name value` a line. Values of Class are as they are, or `0x…`. */
export function parseRadattr(file: string): Pick<PppSession, 'classes' | 'filterId'> {
  const lines = file.split('\n').map((line) => /^([A-Za-z0-9-]{1,60})\s+(.*)$/.exec(line));
  const values = (name: string) => lines.flatMap((line) => (line?.[1] === name ? [line[2] ?? ''] : []));
  return { classes: values('Class').map(classText), filterId: values('Filter-Id')[0] ?? null };
}

/** A Class in one form, whoever printed it. */
export function classText(value: string): string {
  return /^0x(?:[0-9a-f]{2})+$/i.test(value) ? Buffer.from(value.slice(2), 'hex').toString('latin1') : value;
}

/**
 * Whether the session's interface is still there. While its pppd lives it is by its name; afterwards another session may
 * have that name, which its number tells. (/sys would show the interfaces of another network namespace.)
 */
export async function isUp(session: PppSession): Promise<boolean> {
  const devices = await text('/proc/self/net/dev');
  if (!new RegExp(`^\\s*${interfaceOf(session.unit)}:`, 'm').test(devices)) return false;
  if (await isPppd(session.pid)) return true;
  return (await readLinks()).some(
    ({ unit, ifindex }) => unit === session.unit && ifindex === session.ifindex,
  );
}

async function readLinks(): Promise<PppLink[]> {
  const output = await run(ip, ['-json', '-4', 'addr', 'show']);
  if (output.code !== 0) throw new Error(`ip addr failed: ${output.failure ?? output.stderr.slice(0, 200)}`);
  return parseLinks(output.stdout).slice(0, MAX_SESSIONS);
}

/** '' for a file that is not there or larger than any of these. */
async function text(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    return size > 65_536 ? '' : await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

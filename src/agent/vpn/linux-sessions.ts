import type { Host } from '../../../collectors/check.ts';
import { argumentsOf } from '../../../collectors/linux-processes.ts';
import { parsePppol2tp } from '../../../collectors/vpn-client/linux-ppp.ts';
import { listProcesses, type Process } from './linux-processes.ts';

/** A live or beginning L2TP session of this computer as a client. At least one of the first two is there. */
export type Session = {
  interface: string | null;
  pppd: Process | null;
  dialler: Dialler | null;
};

/** A running xl2tpd with the files that it was started with. */
export type Dialler = {
  process: Process;
  config: string;
  control: string;
};

export type Live = { sessions: readonly Session[]; diallers: readonly Dialler[] };

/** kl2tpd is go-l2tp's, which newer NetworkManager plugins start instead of xl2tpd. */
const DIALLERS = new Set(['xl2tpd', 'kl2tpd']);

/** Sessions by looking at /proc, /sys and /run alone: no program is started, so that it takes milliseconds. */
export async function readSessions(host: Host): Promise<Live> {
  const [processes, shown, kernel] = await Promise.all([
    listProcesses(host),
    readPppInterfaces(host),
    host.readText('/proc/net/pppol2tp'),
  ]);
  const interfaces = shown ?? [];
  const text = kernel.ok ? kernel.value : '';
  const [dialled, answered] = [parsePppol2tp(text, 'LAC'), parsePppol2tp(text, 'LNS')];
  const diallers = await Promise.all(
    processes.filter(({ name }) => DIALLERS.has(name)).map((process) => describe(host, process)),
  );
  const carriers = await findCarriers(host, processes, diallers);
  const owners = await ownersOf(host, interfaces, processes);
  const owned = carriers.map((pppd) => ({
    interface: [...owners].find(([, pid]) => pid === pppd.pid)?.[0] ?? null,
    pppd,
    dialler: diallers.find(({ process }) => process.pid === pppd.parent) ?? null,
  }));
  const known = new Set(owned.map((session) => session.interface));
  const rest = interfaces.filter((name) => dialled.has(name) && !known.has(name));
  return {
    diallers,
    sessions: [
      // What this machine answered as a server is no session of its client.
      ...owned.filter((session) => !answered.has(session.interface ?? '')),
      ...rest.map((name) => ({ interface: name, pppd: null, dialler: null })),
    ],
  };
}

/** ARPHRD_PPP: told by type, since a ppp interface may bear any name. */
const PPP_TYPE = '512';

/** Null where /sys does not tell. */
export async function readPppInterfaces(host: Host): Promise<string[] | null> {
  const folder = await host.list('/sys/class/net');
  if (!folder.ok) return null;
  const names = folder.value;
  const types = await Promise.all(names.map((name) => host.readText(`/sys/class/net/${name}/type`)));
  return names.filter((_, index) => {
    const type = types[index];
    return type?.ok === true && type.value.trim() === PPP_TYPE;
  });
}

/** pppd processes that carry L2TP: children of a dialler, or left over from one (their arguments name the plugin). */
async function findCarriers(
  host: Host,
  processes: readonly Process[],
  diallers: readonly Dialler[],
): Promise<Process[]> {
  const parents = new Set(diallers.map(({ process }) => process.pid));
  const pppds = processes.filter(({ name }) => name === 'pppd');
  const carries = await Promise.all(
    pppds.map(
      async ({ pid, parent }) =>
        parents.has(parent) || (await argumentsOf(host, pid)).some((word) => /pppol2tp/.test(word)),
    ),
  );
  return pppds.filter((_, index) => carries[index]);
}

/** Which pppd an interface belongs to, from the files that pppd writes. */
async function ownersOf(
  host: Host,
  interfaces: readonly string[],
  processes: readonly Process[],
): Promise<ReadonlyMap<string, number>> {
  const pppds = new Set(processes.filter(({ name }) => name === 'pppd').map(({ pid }) => pid));
  const pairs = await Promise.all(
    interfaces.map(async (name) => {
      const files = await Promise.all(
        ['/run', '/run/pppd'].map((folder) => host.readText(`${folder}/${name}.pid`)),
      );
      const pids = files.flatMap((file) => (file.ok ? [Number.parseInt(file.value, 10)] : []));
      return pids.filter((pid) => pppds.has(pid)).map((pid) => [name, pid] as const);
    }),
  );
  return new Map(pairs.flat());
}

const DEFAULT_CONFIG = '/etc/xl2tpd/xl2tpd.conf';
const DEFAULT_CONTROL = '/run/xl2tpd/l2tp-control';

async function describe(host: Host, process: Process): Promise<Dialler> {
  const words = await argumentsOf(host, process.pid);
  const after = (flag: string) => {
    const at = words.indexOf(flag);
    return at < 0 ? undefined : words[at + 1];
  };
  return {
    process,
    config: after('-c') ?? DEFAULT_CONFIG,
    control: after('-C') ?? DEFAULT_CONTROL,
  };
}

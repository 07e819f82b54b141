import { z } from 'zod';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import { err, ok, type Result } from '../../src/base/result.ts';
import type { Host } from '../check.ts';
import { askExtraObject, askRows, type Unanswered } from '../windows-probe.ts';
import { integer, numbered, text } from '../windows-values.ts';
import type { L2tpServer } from './spec.ts';

type Service = L2tpServer['services'][number];
type Listening = L2tpServer['listening'][number];

const L2TP_PORT = 1701;
/** The kernel's process id: the L2TP driver (rasl2tp.sys) binds for client and server alike. */
const SYSTEM_PROCESS = 4;

/** By name; display names are translated. SoftEther serves L2TP from a process of its own. */
const ROLES: ReadonlyMap<string, Service['role']> = new Map([
  ['remoteaccess', 'server'],
  ['sevpnserver', 'server'],
  ['sevpnbridge', 'server'],
  ['rasman', 'client'],
  ['sevpnclient', 'client'],
]);

const endpoint = z.object({ LocalAddress: text, LocalPort: integer, OwningProcess: integer });

const windowsService = z.object({
  Name: text,
  State: numbered({
    Stopped: 1,
    StartPending: 2,
    StopPending: 3,
    Running: 4,
    ContinuePending: 5,
    PausePending: 6,
    Paused: 7,
  }),
  StartMode: numbered({ Boot: 0, System: 1, Auto: 2, Automatic: 2, Manual: 3, Demand: 3, Disabled: 4 }),
  ProcessId: integer,
});

const remoteAccess = z.object({ L2tpPorts: integer });

type Endpoint = z.output<typeof endpoint>;
type WindowsService = z.output<typeof windowsService>;

export async function read(host: Host): Promise<Observed<L2tpServer>> {
  const bound = await readBound(host);
  if (!bound.ok) return bound.error;
  const services = await readServices(host);
  // A bound 1701 may be the client's; which of the two it is, only the services say.
  if (bound.value.length > 0 && !services.ok) return services.error;
  const ports = await askExtraObject(host, 'remoteAccess', remoteAccess);
  return known(judge(bound.value, services.ok ? services.value : [], ports?.L2tpPorts ?? null));
}

/** The probe asks for this port only. Get-NetUDPEndpoint calls it an error when nobody is bound. */
async function readBound(host: Host): Promise<Result<Endpoint[], Unanswered>> {
  const answer = await host.probe('udpEndpoints');
  if (answer && !answer.ok && String(answer.fqid).startsWith('CmdletizationQuery_NotFound')) return ok([]);
  const rows = await askRows(host, 'udpEndpoints', endpoint);
  return rows.ok
    ? ok(rows.value.filter((one) => one.LocalPort === null || one.LocalPort === L2TP_PORT))
    : rows;
}

function judge(bound: readonly Endpoint[], all: readonly WindowsService[], ports: number | null): L2tpServer {
  const services = all.flatMap((one) => toService(one) ?? []).slice(0, 50);
  const listening = bound.slice(0, 50).map((one) => toListening(one, all));
  const serving = services.some(
    (one) => one.role === 'server' && one.state === 'running' && !isWithoutPorts(one, ports),
  );
  const verdict = listening.length === 0 ? 'none' : serving ? 'server' : 'client-only';
  return { listening, services, verdict };
}

async function readServices(host: Host): Promise<Result<WindowsService[], Unanswered>> {
  const rows = await askRows(host, 'services', windowsService);
  const isSilent = rows.ok && rows.value.some((one) => one.State === null && roleOf(one) === 'server');
  return isSilent ? err(unknown('unparsable', 'services: a server does not state whether it runs')) : rows;
}

function roleOf({ Name: name }: WindowsService): Service['role'] | undefined {
  return ROLES.get(name?.toLowerCase() ?? '');
}

/** Routing and Remote Access may serve other protocols only. */
function isWithoutPorts(service: Service, ports: number | null): boolean {
  return service.name.toLowerCase() === 'remoteaccess' && ports === 0;
}

const STARTS: readonly Service['start'][] = ['auto', 'auto', 'auto', 'manual', 'disabled'];

/** Null for services that have nothing to do with L2TP. Only a stopped service is not running: a paused one still is. */
function toService(service: WindowsService): Service | null {
  const { Name: name, State: state, StartMode: start } = service;
  const role = roleOf(service);
  if (name === null || role === undefined || state === null) return null;
  return {
    name,
    state: state === 1 ? 'stopped' : 'running',
    start: (start === null ? null : STARTS[start]) ?? null,
    role,
  };
}

function toListening(
  { LocalAddress: address, OwningProcess: owner }: Endpoint,
  all: readonly WindowsService[],
): Listening {
  const isKernel = owner === null ? null : owner === SYSTEM_PROCESS;
  const service = owner === null || owner === 0 ? undefined : all.find((one) => one.ProcessId === owner);
  return {
    address: address ?? '',
    port: L2TP_PORT,
    owner: { process: isKernel === true ? 'System' : null, service: service?.Name ?? null, kernel: isKernel },
  };
}

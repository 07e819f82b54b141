import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Host } from '../../../collectors/check.ts';
import { parseLacs } from '../../../collectors/vpn-client/linux-xl2tpd.ts';
import { endProcess } from './linux-processes.ts';
import type { Dialler } from './linux-sessions.ts';
import { becomes, edge, type Tools } from './linux-tools.ts';

/** Milliseconds for goodbyes between xl2tpd and its peer, which may not be there any more. */
const GOODBYE_MS = 1_000;

/** The gateways that are written in their settings. */
export async function gatewaysOf(host: Host, diallers: readonly Dialler[]): Promise<string[]> {
  const configs = await Promise.all(diallers.map(({ config }) => host.readText(config)));
  return configs.flatMap((read) => (read.ok ? parseLacs(read.value).map(({ gateway }) => gateway) : []));
}

/** Whether somebody started it for one connection only, so that it ends with it. */
function isForOneConnection({ config }: Dialler): boolean {
  return /\/nm-l2tp-[^/]*\/|\/drawbridge-/.test(config);
}

/**
 * Ends the client tunnels of an xl2tpd. One that serves one connection ends itself with them; any other goes on, since it is
 * its owner's and may serve others.
 */
export async function hangUp(
  tools: Tools,
  dialler: Dialler,
  gateways: ReadonlySet<string> | null,
): Promise<void> {
  if (isForOneConnection(dialler)) {
    await endProcess(tools, dialler.process, GOODBYE_MS);
    return;
  }
  const config = await tools.host.readText(dialler.config);
  const lacs = config.ok ? parseLacs(config.value) : [];
  const ours = lacs.filter(({ gateway }) => gateways === null || gateways.has(gateway));
  for (const { name } of ours)
    await edge(tools, 'xl2tpd hang up', () => writeControl(dialler.control, `d ${name}\n`));
  if (gateways === null) await becomes(tools.clock, GOODBYE_MS, () => hasNoTunnels(tools.host));
}

async function hasNoTunnels(host: Host): Promise<boolean> {
  const tunnels = await host.readText('/proc/net/pppol2tp');
  return !tunnels.ok || !/^TUNNEL '/m.test(tunnels.value);
}

/**
 * A line for xl2tpd's own FIFO. Nobody may be reading it any more: that is no error, and nothing to wait for. A pipe is in
 * memory: no step of this waits.
 */
export async function writeControl(path: string, line: string): Promise<boolean> {
  try {
    const pipe = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      if (!fstatSync(pipe).isFIFO()) return false;
      writeSync(pipe, line);
      return true;
    } finally {
      closeSync(pipe);
    }
  } catch {
    return false;
  }
}

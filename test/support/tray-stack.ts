// The real agent, enrolled with a real server, whose one check is a firewall that this test turns on and off: both in a
// network namespace of their own, so that no rule of this machine is touched.
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkIds } from '../../collectors/specs.ts';
import { traySocket } from '../../src/wire/tray-address.ts';
import { makeNamespace, type Namespace } from './namespace.ts';
import { serverFolder, startServerProcess, type ServerFolder, type ServerProcess } from './server-process.ts';
import { waitFor } from './wait-for.ts';

const SOURCE = join(import.meta.dirname, '../../src/cli/drawbridge.ts');
const PORT = 18_443;

/** A firewall that is off is high risk, and so no access. Whatever else this machine is like is not judged. */
const OTHERS = checkIds.filter((id) => id !== 'firewall').map((id) => `  ${id}: { weight: 0 }`);
const POLICY = `version: 1
name: firewall
access: { low: allow, medium: restrict, high: deny }
standing: { deny: never }
checks:
  firewall: { weight: 60, floor: high }
${OTHERS.join('\n')}
`;

const FIREWALL = [
  'add table inet test',
  'add chain inet test input { type filter hook input priority 0; policy drop; }',
  'add rule inet test input iif lo accept',
  'add rule inet test input ct state established,related accept',
].join('; ');

export type TrayStack = {
  /** Where the agent's sockets for users lie. */
  folder: string;
  agent: ChildProcess;
  turnFirewall(to: 'on' | 'off'): void;
  /** Ends the agent, and starts it again. */
  restartAgent(): Promise<void>;
  stopAgent(): Promise<void>;
  close(): Promise<void>;
};

/** `program`: what is run as `drawbridge`, a script and the flags of Node before it. Needs root. */
export async function startTrayStack(program: readonly string[] = [SOURCE]): Promise<TrayStack> {
  const space = await makeNamespace();
  const server = serverFolder(PORT);
  writeFileSync(join(server.path, 'policy.yaml'), POLICY);
  const state = mkdtempSync(join(tmpdir(), 'drawbridge-tray-agent-'));
  const loggedOut = logIn();
  const parts = { space, server, state, program };
  const running = await startServerProcess(server.path, space.inside());
  enrol(parts);
  let agent = startAgent(parts);
  const stack: TrayStack = {
    folder: join(state, 'tray'),
    get agent() {
      return agent;
    },
    turnFirewall(to) {
      if (to === 'on') space.run('/usr/sbin/nft', FIREWALL);
      else space.run('/usr/sbin/nft', 'delete table inet test');
    },
    async stopAgent() {
      await ended(agent);
    },
    async restartAgent() {
      agent = startAgent(parts);
      await socketThere(state);
    },
    close: () => close(parts, agent, running, loggedOut),
  };
  await socketThere(state);
  return stack;
}

type Parts = { space: Namespace; server: ServerFolder; state: string; program: readonly string[] };

function enrol({ space, server, state, program }: Parts): void {
  const token = join(state, 'token');
  writeFileSync(token, server.token(), { mode: 0o600 });
  const argv = ['enroll', '--server', `https://127.0.0.1:${PORT}`, '--token-file', token, '--state', state];
  space.run(process.execPath, ...program, ...argv);
}

function startAgent({ space, state, program }: Parts): ChildProcess {
  const settings = join(state, 'settings.yaml');
  writeFileSync(settings, 'collect: { everySeconds: 300 }\nvpn: { mode: observe }\nlog: { level: warn }\n');
  const argv = [process.execPath, ...program, 'agent', '--state', state, '--config', settings];
  const child = space.spawn(argv);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

/** The agent serves who is logged in, which nobody has to be on a machine that tests. */
function logIn(): () => void {
  const folder = join('/run/user', String(process.getuid?.() ?? 0));
  if (existsSync(folder)) return () => {};
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return () => rmSync(folder, { recursive: true, force: true });
}

function socketThere(state: string): Promise<boolean> {
  return waitFor(
    'the agent’s socket',
    () => existsSync(traySocket(join(state, 'tray'), process.getuid?.() ?? 0)),
    60,
  );
}

async function close(
  { space, server, state }: Parts,
  agent: ChildProcess,
  running: ServerProcess,
  loggedOut: () => void,
): Promise<void> {
  await ended(agent);
  await running.kill('SIGKILL');
  space.remove();
  server.remove();
  loggedOut();
  rmSync(state, { recursive: true, force: true });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

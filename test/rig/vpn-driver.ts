import type { VpnState, VpnWanted } from '../../src/agent/vpn/driver.ts';
import { bundle } from './bundle.ts';
import { NODE_JS, type Daemon, type RigNode } from './node.ts';

/** What the driver's child said; `killed`: it ended at the failpoint that it was told to end at. */
export type Said = {
  seen: VpnState | null;
  failure: { message: string; status: number } | null;
  killed: boolean;
};

const CHILD = '/opt/vpn-child.mjs';
const STATE = '/var/lib/drawbridge';
const KILLED = 99;

/** The Linux driver on a node of the rig, each call a process of its own. */
export class DriverOnNode {
  readonly #node: RigNode;

  private constructor(node: RigNode) {
    this.#node = node;
  }

  static async install(node: RigNode): Promise<DriverOnNode> {
    await node.write({ [CHILD]: await bundle('vpn-child.ts') });
    await node.must(`mkdir -p -m 700 ${STATE}`);
    return new DriverOnNode(node);
  }

  /** What is there; throws when the driver did not say. */
  async inspect(): Promise<VpnState> {
    return seenBy(await this.#run('inspect'));
  }

  /** The wanted state reached; throws otherwise. */
  async reach(want: VpnWanted): Promise<VpnState> {
    return seenBy(await this.apply(want));
  }

  /** `killAt`: dies at the failpoint of this number. */
  apply(want: VpnWanted, killAt = 0): Promise<Said> {
    return this.#run('apply', JSON.stringify(want), killAt);
  }

  restore(killAt = 0): Promise<Said> {
    return this.#run('restore', '', killAt);
  }

  /** In the background; its last line in /var/log/NAME.log is what it said. */
  start(name: string, want: VpnWanted): Promise<Daemon> {
    const script = `exec ${NODE_JS} ${CHILD} apply ${STATE} <<< '${JSON.stringify(want)}'`;
    return this.#node.spawn(name, ['bash', '-c', script], ENVIRONMENT);
  }

  /** Failpoints of the last call that counted them, in order. */
  async points(): Promise<string[]> {
    const text = await this.#node.must(`cat ${STATE}/points; rm -f ${STATE}/points`);
    return text.split('\n').flatMap((line) => /^\d+ (.*)$/.exec(line)?.[1] ?? []);
  }

  /** Null where nothing was noted yet. */
  async journal(): Promise<unknown> {
    const file = `${STATE}/vpn-driver.json`;
    return JSON.parse(await this.#node.must(`test -e ${file} || exec echo null; cat ${file}`));
  }

  async #run(verb: string, stdin = '', killAt = 0): Promise<Said> {
    const stdout = await runProgram(this.#node, CHILD, [verb, STATE, String(killAt)], stdin);
    if (stdout === null) return { seen: null, failure: null, killed: true };
    const said = parseSaid(stdout);
    if (said === null) throw new Error(`the driver did not say: ${stdout}`);
    return said;
  }
}

/** Another program of this folder in the driver's place, `[verb, killAt]` its arguments. */
export async function runChild(
  node: RigNode,
  file: string,
  [verb, killAt]: [string, string],
): Promise<string | null> {
  const program = `/opt/${file.replace('.ts', '.mjs')}`;
  if ((await node.exec(['test', '-e', program])).code !== 0)
    await node.write({ [program]: await bundle(file) });
  return runProgram(node, program, [verb, STATE, killAt]);
}

/** What it printed; null when it was killed, as it was told to be. */
async function runProgram(
  node: RigNode,
  program: string,
  argv: readonly string[],
  stdin = '',
): Promise<string | null> {
  const variables = Object.entries(ENVIRONMENT).map(([key, value]) => `${key}=${value}`);
  const line = ['env', ...variables, NODE_JS, program, ...argv].join(' ');
  // The rig takes 137 for its own kill after the time was over.
  const script = `${line}; code=$?; [ $code = 137 ] && exit ${KILLED}; exit $code`;
  const { code, stdout, stderr } = await node.exec(script, { stdin, timeout: 150 });
  if (code === KILLED) return null;
  if (code !== 0) throw new Error(`${program} exited ${code}\n${stdout}${stderr}`);
  return stdout;
}

const ENVIRONMENT = { NODE_COMPILE_CACHE: '/cache', LEVEL: 'debug' };

/** The last line that is the child's answer. */
export function parseSaid(text: string): Said | null {
  const line = text.split('\n').findLast((one) => one.startsWith('{"ok":'));
  if (line === undefined) return null;
  const { ok, seen, message, status } = JSON.parse(line) as {
    ok: boolean;
    seen: VpnState | null;
    message: string;
    status: number;
  };
  return { seen, failure: ok ? null : { message, status }, killed: false };
}

function seenBy({ seen, failure }: Said): VpnState {
  if (failure !== null || seen === null)
    throw new Error(`not reached: ${failure?.message} ${JSON.stringify(seen)}`);
  return seen;
}

/** A hash over every file below these folders, by which one sees that nothing of them changed. */
export function fingerprint(node: RigNode, folders = '/etc'): Promise<string> {
  return node.must(
    `find ${folders} -xdev \\( -type f -o -type l \\) ! -name resolv.conf -printf '%p %m %l\\n' -type f -exec sha256sum {} + | sort | sha256sum`,
  );
}

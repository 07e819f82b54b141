// A booted root with a real xl2tpd that serves, and a namespace beside it that looks at it from outside.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { canIsolate, inside, ipLines } from './namespaces.ts';
import { bootSystemd } from './systemd-root.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const SCANNER = join(CHECKOUT, 'src/cli/drawbridge.ts');
/** The program that runs Node inside, and the agent's command line there. */
export const NODE = '/mnt/node_modules/.bin/node';
export const CLI = '/mnt/src/cli/drawbridge.ts';
export const SERVER = '198.51.100.10';
export const OUTSIDE = '198.51.100.1';
export const LNS =
  '[global]\nport = 1701\n[lns default]\nip range = 10.9.0.2-10.9.0.9\nlocal ip = 10.9.0.1\n';

export type L2tpMachine = NonNullable<Awaited<ReturnType<typeof bootL2tpMachine>>>;

/**
 * One for the tests of this block, booted before and removed after them. Where none can be booted they are skipped, and
 * `isBooted` tells the block's own set-up.
 */
export function useL2tpMachine(name: string, asInstalled = false) {
  let booted: L2tpMachine | null = null;
  const machine = (): L2tpMachine => {
    if (booted === null) throw new Error('no machine was booted');
    return booted;
  };
  beforeAll(async () => {
    booted = await bootL2tpMachine(name);
    booted?.setUp(asInstalled);
  });
  beforeEach(({ skip }) => skip(booted === null, 'no root with systemd and xl2tpd could be booted here'));
  afterAll(() => booted?.remove());
  return {
    machine,
    isBooted: () => booted !== null,
    must: (...argv: string[]) => machine().must(...argv),
    sh: (script: string) => machine().sh(script),
    picture: () => machine().picture(),
    stateFrom: () => machine().stateFrom(),
  };
}

/** Null, with a word on standard error, where none can be booted. Has to be removed. */
async function bootL2tpMachine(name: string) {
  const isPossible = canIsolate() && existsSync('/usr/sbin/xl2tpd') && existsSync('/lib/systemd/systemd');
  const machine = isPossible ? await bootSystemd(CHECKOUT) : null;
  if (machine === null) {
    process.stderr.write(`${name}: no root with systemd and xl2tpd could be booted here\n`);
    return null;
  }
  const outside = `dbl2tp-${process.pid}`;
  const must = (...argv: string[]) => {
    const { code, out, err } = machine.run(...argv);
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${out}${err}`);
    return out;
  };
  const sh = (script: string) => must('/bin/sh', '-c', script);
  return {
    ...machine,
    outside,
    must,
    sh,
    /** Connects the two; xl2tpd runs as its package has set it up, or, unless `asInstalled`, as a server. */
    setUp(asInstalled = false) {
      ipLines([
        `netns add ${outside}`,
        `-n ${outside} link set lo up`,
        `-n ${outside} link add far type veth peer name near netns ${machine.pid}`,
        `-n ${outside} addr add ${OUTSIDE}/24 dev far`,
        `-n ${outside} link set far up`,
      ]);
      sh(`ip addr add ${SERVER}/24 dev near && ip link set near up`);
      if (!asInstalled) this.configure(LNS);
    },
    configure(text: string) {
      sh(`printf '${text.replaceAll('\n', '\\n')}' > /etc/xl2tpd/xl2tpd.conf && systemctl restart xl2tpd`);
    },
    /** Every link, file, mode and owner of /etc, what is enabled and running, and the firewall. */
    picture: () => ({
      etc: sh('cd /etc && find . -printf "%p %y %m %u %g %l\\n" | sort'),
      content: sh('cd /etc && find . -type f ! -name .updated -exec sha256sum {} + | sort'),
      unit: sh(
        'systemctl show xl2tpd.service -p LoadState,ActiveState,SubState,UnitFileState; systemctl is-enabled xl2tpd 2>&1 || true',
      ),
      rules: sh('nft list ruleset'),
      listens: sh("ss -H -lun 'sport = :1701' | awk '{print $4}'"),
    }),
    /** What a scan from outside says. */
    stateFrom() {
      const out = inside(outside, [process.execPath, SCANNER, 'scan', SERVER, '--json']);
      return (JSON.parse(out) as { hosts: { state: string }[] }).hosts[0]?.state;
    },
    remove() {
      machine.remove();
      ipLines([`netns del ${outside}`]);
    },
  };
}

import type { Host } from '../../collectors/check.ts';
import { isHeld } from '../../src/agent/holders.ts';
import { Ledger, ledgerState } from '../../src/agent/ledger.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { VpnKeeper } from '../../src/agent/vpn-keeper.ts';
import { linuxIsolation } from '../../src/agent/vpn/isolation-linux.ts';
import { linuxVpn } from '../../src/agent/vpn/linux.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { dyingAt, thisNode } from './in-guest.ts';

/**
 * The agent's hold on VPN and network as a process of its own inside the guest, over its real journal:
 * `vpn-keeper-child contain|release|recover STATE-FOLDER [KILL-AT]`. Prints one JSON object. KILL-AT is the number of the
 * place (before or after a write of the journal, a step of the driver, a command of the isolation) at which it kills
 * itself; every place that is reached is written to `points` in the state folder.
 */
const [verb = '', stateFolder = '', killAt = '0'] = process.argv.slice(2);

/** The posture server of the rig. */
const SERVER = '203.0.113.20';

const failpoints = dyingAt(Number(killAt), stateFolder);

async function edge<T>(what: string, work: () => Promise<T>): Promise<T> {
  await failpoints.reach(`before ${what}`);
  const result = await work();
  await failpoints.reach(`after ${what}`);
  return result;
}

const log = createLogger('keeper', process.env['LEVEL'] ?? 'debug');
const host = thisNode();
const counted: Pick<Host, 'run'> = {
  run: (command, argv, options) =>
    edge(`isolation ${argv.join(' ')}`, () => host.run(command, argv, options)),
};
const isolation = linuxIsolation(counted);
const file = stateFile(`${stateFolder}/ledger.json`, ledgerState, log);
const ledger = await Ledger.open({ ...file, write: (value) => edge('journal', () => file.write(value)) });
const keeper = new VpnKeeper({
  driver: linuxVpn({ host, stateFolder, log, failpoints }),
  isolation: {
    inspect: () => isolation.inspect(),
    apply: () => isolation.apply({ reach: [{ address: SERVER, protocol: 'tcp', port: 8_443 }] }),
    lift: () => isolation.lift(),
  },
  ledger,
  clock: systemClock,
  log,
  onActed: () => {},
});

const holder = {
  since: systemClock.now(),
  until: null,
  reason: 'test',
  profiles: null,
  order: null,
  checks: [],
};

if (verb === 'recover') await keeper.recover();
else {
  await ledger.hold({ cause: 'contain', holder: verb === 'contain' ? holder : null });
  await keeper.enforce();
}
process.stdout.write(
  `${JSON.stringify({
    held: isHeld(ledger.holders),
    isolation: (await linuxIsolation(host).inspect()).state,
    block: keeper.seen?.block ?? null,
    interfaces: keeper.seen?.interfaces ?? [],
    problem: keeper.problem,
  })}\n`,
);
process.exit(0);

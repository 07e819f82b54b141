import { expect, test } from 'vitest';
import { NO_QUESTIONS, type Host, type Output } from '../../collectors/check.ts';
import { createHost } from '../../src/agent/host.ts';
import type { CloseWish } from '../../src/agent/l2tp-server/control.ts';
import { linuxL2tpServer } from '../../src/agent/l2tp-server/linux.ts';
import type { Closing } from '../../src/agent/l2tp-server/record.ts';
import { REPLAYED_SELF } from '../../src/agent/replay.ts';
import { systemClock } from '../../src/base/clock.ts';
import { noFailpoints } from '../../src/base/failpoint.ts';
import { err, ok } from '../../src/base/result.ts';
import { quiet } from './harness.ts';

const SERVES = '[lns default]\nip range = 10.9.0.2-10.9.0.9\n';
const BOUND = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:06A5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0`;
/** As the kernel writes it for a client that this machine has in. */
const CLIENT_IN = `TUNNEL 'tunl 31', Y 1
 00000000 9/318/0 11/377/0
  SESSION 'sess 31/1' C0000214/1701 001F/0000 -> 7A4D/0000 1 Y
   0/0/-/-/LNS 00000000 0
   interface ppp3
`;

/** xl2tpd under systemd, as far as closing asks; what was changed is in `unit`, `rules` and `saved`. */
function machine({ connected = false } = {}) {
  const state = {
    unit: { active: true, enabled: true, masked: false },
    rules: null as string | null,
    saved: null as Closing | null,
    works: [{ DNS: true, HTTP: true }],
    answers: false,
  };
  const done = (stdout = '', code = 0): Output =>
    ({ code, stdout, stderr: '', failure: null, truncated: false }) as Output;
  const systemctl = (verb: string | undefined): Output => {
    const { unit } = state;
    if (verb === 'stop') unit.active = false;
    if (verb === 'start') unit.active = true;
    if (verb === 'disable') unit.enabled = false;
    if (verb === 'enable') unit.enabled = true;
    if (verb === 'mask') unit.masked = true;
    if (verb === 'unmask') unit.masked = false;
    if (verb === 'is-enabled') return done(unit.masked ? 'masked' : unit.enabled ? 'enabled' : 'disabled');
    const [load, active] = [unit.masked ? 'masked' : 'loaded', unit.active ? 'active' : 'inactive'];
    return done(`LoadState=${load}\nActiveState=${active}\nSubState=running\nUnitFileState=enabled\n`);
  };
  const texts = (path: string): string | undefined => {
    if (path === '/proc/net/udp') return state.unit.active ? BOUND : (BOUND.split('\n')[0] ?? '');
    if (path === '/etc/xl2tpd/xl2tpd.conf') return SERVES;
    if (path === '/proc/net/pppol2tp' && connected) return CLIENT_IN;
    if (path === '/proc/7/comm') return 'xl2tpd\n';
    return undefined;
  };
  const host: Host = {
    ...createHost({ self: () => REPLAYED_SELF, questions: NO_QUESTIONS, platform: 'linux' }),
    isRoot: true,
    async run(command, argv, options) {
      if (command.path.endsWith('/systemctl')) return systemctl(argv[0]);
      if (command.path.endsWith('/ss'))
        return done(
          state.unit.active && argv.includes('sport = :1701')
            ? 'UNCONN 0 0 0.0.0.0:1701 0.0.0.0:* users:(("xl2tpd",pid=7,fd=3))'
            : '',
        );
      if (!command.path.endsWith('/nft')) return done('', 1);
      if (argv[0] === 'list') return state.rules === null ? done('', 1) : done('counter packets 3 bytes 180');
      state.rules = /counter/.test(options?.stdin ?? '') ? (options?.stdin ?? null) : null;
      return done();
    },
    readText: async (path) => {
      const text = texts(path);
      return text === undefined ? err('missing') : ok(text);
    },
    list: async (path) => {
      if (path === '/proc') return ok(state.unit.active ? ['7'] : []);
      return path === '/usr/sbin' ? ok(['xl2tpd']) : err('missing');
    },
    readLink: async () => err('missing'),
  };
  const control = linuxL2tpServer({
    host,
    clock: systemClock,
    log: quiet,
    failpoints: noFailpoints,
    signal: () => {},
    file: { read: async () => state.saved, write: async (closing) => void (state.saved = closing) },
    answers: async () => state.answers,
    works: async () => (state.works.length > 1 ? state.works.shift() : state.works[0]) ?? {},
  });
  return { state, control };
}

const wish: CloseWish = { way: 'service', until: null, reason: 'test', order: null, evenIfUsed: false };
const OPEN = { active: true, enabled: true, masked: false };
const CLOSED = { active: false, enabled: false, masked: true };

test('closed: stopped, disabled, masked, and attempts are counted', async () => {
  const { state, control } = machine();
  expect(await control.close(wish)).toMatchObject({ closing: { phase: 'closed', way: 'service' } });
  expect({ unit: state.unit, counts: state.rules?.includes('drop') }).toEqual({
    unit: CLOSED,
    counts: false,
  });
  expect(await control.held()).toMatchObject({ attempts: 3, closing: { way: 'service' } });
  await control.reopen();
  expect({ unit: state.unit, rules: state.rules, saved: state.saved }).toEqual({
    unit: OPEN,
    rules: null,
    saved: null,
  });
});

test.each(['service', 'firewall'] as const)(
  'while clients are connected it is not closed by %s unless forced',
  async (way) => {
    const { state, control } = machine({ connected: true });
    await expect(control.close({ ...wish, way })).rejects.toMatchObject({
      status: 503,
      message: expect.stringContaining('1 clients are connected (ppp3). No other way in'),
    });
    expect({ unit: state.unit, rules: state.rules, saved: state.saved }).toEqual({
      unit: OPEN,
      rules: null,
      saved: null,
    });
    expect(await control.close({ ...wish, way, evenIfUsed: true })).toMatchObject({
      closing: { phase: 'closed' },
    });
  },
);

test.each(['DNS', 'HTTP'] as const)('where %s no longer works afterwards, all is put back', async (name) => {
  const { state, control } = machine();
  state.works = [
    { DNS: true, HTTP: true },
    { DNS: true, HTTP: true, [name]: false },
  ];
  await expect(control.close(wish)).rejects.toThrow(`No longer works: ${name}. Everything is as before.`);
  expect({ unit: state.unit, rules: state.rules, saved: state.saved }).toEqual({
    unit: OPEN,
    rules: null,
    saved: null,
  });
});

test('where it still answers afterwards, all is put back', async () => {
  const { state, control } = machine();
  state.answers = true;
  await expect(control.close({ ...wish, way: 'firewall' })).rejects.toThrow('L2TP still answers');
  expect({ unit: state.unit, rules: state.rules, saved: state.saved }).toEqual({
    unit: OPEN,
    rules: null,
    saved: null,
  });
});

test('past its time it is reopened, before that not', async () => {
  const { state, control } = machine();
  await control.close({ ...wish, until: Date.now() + 60_000 });
  expect(await control.recover()).toMatchObject({ phase: 'closed' });
  expect(state.unit).toEqual(CLOSED);
  if (state.saved !== null) state.saved = { ...state.saved, until: Date.now() - 1 };
  expect(await control.recover()).toBeNull();
  expect(state.unit).toEqual(OPEN);
});

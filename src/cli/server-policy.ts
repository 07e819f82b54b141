import { baselineOf } from '../server/baseline.ts';
import { readFile } from 'node:fs/promises';
import type { Policy } from '../policy/policy.ts';
import { requiredChecks } from '../policy/policy.ts';
import { createBreaker } from '../server/breaker.ts';
import { storedBreaker } from '../server/breaker-record.ts';
import { loadState, type DeviceState } from '../server/device-state.ts';
import { readPolicy } from '../server/policy-file.ts';
import { named } from '../server/standing.ts';
import { listDevices } from '../server/store/devices.ts';
import type { Store } from '../server/store/store.ts';
import { tried, tryPolicy, type Move, type Tried } from '../server/try-policy.ts';
import { complain, paint, say, sayJson, table } from './present.ts';
import { askServer } from './server-api.ts';
import { serverConfig, withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

/** 0 for a policy that can be used, 1 for one that cannot. */
export async function policyCheckCommand(file: string, { json }: { json?: boolean }): Promise<number> {
  const read = await readPolicy(file);
  if (json)
    sayJson(read.ok ? { ok: true, name: read.value.name } : { ok: false, problems: read.error.split('\n') });
  else if (read.ok)
    say(
      `${file} is good: "${read.value.name}", requires ${requiredChecks(read.value).join(', ') || 'nothing'}.`,
    );
  else complain(read.error);
  return read.ok ? 0 : 1;
}

const FAIL_ON = ['lose', 'less'] as const;
const EXIT_MOVES = 2;

export type TryOptions = ServerOptions & { failOn?: string };

/** 0; 1 for a policy with a mistake; 2 where somebody would get less and `--fail-on` asks for that. */
export async function policyTryCommand(file: string, options: TryOptions): Promise<number> {
  const { failOn, json } = options;
  if (failOn !== undefined && !FAIL_ON.some((one) => one === failOn)) {
    throw new UsageError('--fail-on is lose (quarantine or deny) or less (anything less than now).');
  }
  const read = await readPolicy(file);
  if (!read.ok) {
    complain(read.error);
    return 1;
  }
  const asked = await askServer(await serverConfig(options), 'POST', '/v1/policy/try', {
    policy: await readFile(file, 'utf8'),
  });
  const result = asked === null ? await tryStored(options, read.value) : tried.parse(asked);
  if (json) sayJson(result);
  else await show(result);
  const { losing, less } = result;
  return (failOn === 'lose' && losing > 0) || (failOn === 'less' && less > 0) ? EXIT_MOVES : 0;
}

/** As a server that started with this policy now would judge: nobody's silence is held against them. */
function tryStored(options: ServerOptions, policy: Policy): Promise<Tried> {
  return withStore(options, async (store) => {
    const states = await liveStates(store);
    const breaker = createBreaker(await store.read(storedBreaker));
    const now = Date.now();
    const judging = {
      ...named(policy, await baselineOf(store)),
      listeningSince: now,
      breaker,
      fleet: states.length,
    };
    return tryPolicy(states, judging, now);
  });
}

function liveStates(store: Store): Promise<DeviceState[]> {
  return store.read(async (db) => {
    const states: DeviceState[] = [];
    for (const { id, status } of await listDevices(db)) {
      const state = status === 'live' ? await loadState(db, id) : null;
      if (state !== null) states.push(state);
    }
    return states;
  });
}

const SHOWN = 50;

async function show(result: Tried): Promise<void> {
  const { policy, devices, losing, less, more, heldByBreaker, moves, before, after } = result;
  say(
    `What “${policy}” would do to ${devices} ${devices === 1 ? 'device' : 'devices'}; nothing is in force.\n`,
  );
  if (moves.length === 0) say('Nothing changes for anybody.');
  else say(await table(['Name', 'Now', 'Then', 'Mode', 'Why'], moves.slice(0, SHOWN).map(rowOf)));
  if (moves.length > SHOWN) say(`… and ${moves.length - SHOWN} more; all of them with --json.`);
  say(`\nNow:  ${countsOf(before)}\nThen: ${countsOf(after)}`);
  say(
    `${paint(losing > 0 ? 'red' : 'green', `${losing} would lose access`)}, ${less - losing} get less, ${more} more.`,
  );
  if (heldByBreaker > 0) {
    say(`The breaker would hold ${heldByBreaker} of them at restrict until a person confirms.`);
  }
}

function rowOf({ name, from, to, would, mode, group, change }: Move): string[] {
  const then = to.held === null ? to.access : `${to.access} (${would} held: ${to.held})`;
  const colour = change === 'more' ? 'green' : change === 'loses' ? 'red' : 'yellow';
  return [
    name,
    from?.access ?? 'none',
    paint(colour, then),
    group === null ? mode : `${mode}: ${group}`,
    to.sentence,
  ];
}

function countsOf(counts: Tried['before']): string {
  return (
    Object.entries(counts)
      .map(([access, count]) => `${access} ${count}`)
      .join(', ') || 'nothing decided'
  );
}

import { lookup } from 'node:dns/promises';
import { readFile, rm } from 'node:fs/promises';
import { messageOf } from '../base/errors.ts';
import { enrol } from '../agent/enrol.ts';
import { enrolmentState, type EnrolmentState } from '../agent/enrolment.ts';
import type { Route } from '../agent/http.ts';
import { lockHolder } from '../agent/lock.ts';
import { statePaths } from '../agent/paths.ts';
import { proxyFor } from '../agent/proxy.ts';
import { prepareStateFolder } from '../agent/state-folder.ts';
import { stateFile } from '../agent/state-file.ts';
import { thisComputer } from '../agent/this-computer.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { parseToken, type EnrolmentToken } from '../wire/token.ts';
import { interfaceTowards, isTunnel, throughTunnel } from './agent-doctor-vpn.ts';
import { isAnothersKeys, leaveForService } from './agent-own-account.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import { UsageError } from './usage-error.ts';
import { complain, paint, say, sayJson, withProgress } from './present.ts';

export type EnrollOptions = SettingsOptions & {
  server?: string;
  token?: string;
  tokenFile?: string;
  tokenStdin?: boolean;
  again?: boolean;
};

/** `drawbridge enroll`: returns 0 once enrolled or waiting for approval. */
export async function enroll(settings: Settings, options: EnrollOptions): Promise<number> {
  const token = await tokenFrom(options);
  const route = routeTo(settings, options);
  await refuseTunnel(route);
  if (await isAnothersKeys(settings)) {
    const left = { url: route.url, token, again: options.again === true };
    const waiting = withProgress('Waiting for the service to enrol', () => leaveForService(settings, left));
    answer(await waiting, options.json === true);
    return 0;
  }
  await prepareStateFolder(settings.stateDir);
  const paths = statePaths(settings.stateDir);
  const running = options.again === true ? await lockHolder(paths.lock) : null;
  if (running !== null)
    throw new UsageError(`Stop the agent (process ${running}) before giving this device a new identity.`);
  const file = stateFile(paths.enrolment, enrolmentState, createLogger('drawbridge-enroll', 'warn'));
  const before = await file.read();
  const again = options.again === true;
  const enrolled = await withProgress('Enrolling this computer', async () =>
    enrol({ route, token, file, again, clock: systemClock, ...(await thisComputer(settings)) }),
  );
  if (before !== null && before.device !== enrolled.device) await forgetOld(settings.stateDir);
  answer(enrolled, options.json === true);
  return 0;
}

/** What belonged to the identity before: its orders, its policy, its place in the sequence. Waiting reports stay. */
async function forgetOld(stateDir: string): Promise<void> {
  const { orders, standing, sequence } = statePaths(stateDir);
  await Promise.all([orders, standing, sequence].map((path) => rm(path, { force: true })));
}

function answer(state: EnrolmentState, json: boolean): void {
  const { device, status, server } = state;
  if (json) return sayJson({ device, status, server: server.url, keyStore: state.keyStore });
  if (status === 'pending') {
    say(`${paint('yellow', 'Waiting for approval')} by an administrator of ${server.url}, who has to run:`);
    say(`drawbridge-server device approve ${device}`);
    say('The agent goes on by itself once that is done.');
  } else say(`${paint('green', 'Enrolled')} with ${server.url} as device ${device}.`);
  say('Start the agent, if it is not running yet: drawbridge agent');
}

function routeTo({ config }: Settings, { server }: EnrollOptions): Route {
  const address = server ?? config.server.url;
  if (address === undefined) throw new UsageError('Which server? Add --server https://HOST[:PORT].');
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol !== 'https:')
    throw new UsageError(
      `${address} is not an https:// address. Example: --server https://posture.example.com:8443`,
    );
  return { url, proxy: config.server.proxy, env: process.env };
}

/** What cannot be looked up is told by whoever tries to connect. */
async function refuseTunnel({ url, proxy, env }: Route): Promise<void> {
  const { hostname: host } = proxyFor(url, proxy, env) ?? url;
  const found = await lookup(host.replace(/^\[|\]$/g, '')).catch(() => null);
  const by = found === null ? null : await interfaceTowards(found.address);
  if (found === null || by === null || !isTunnel(by, null)) return;
  const { found: what, todo } = throughTunnel(by, found.address);
  throw new UsageError(`${what}. ${todo}`);
}

async function tokenFrom(options: EnrollOptions): Promise<EnrolmentToken> {
  const parsed = parseToken(await tokenText(options));
  if (!parsed.ok) throw new UsageError(parsed.error);
  return parsed.value;
}

async function tokenText({ token, tokenFile, tokenStdin }: EnrollOptions): Promise<string> {
  const given = [token, tokenFile, tokenStdin].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw new UsageError('Give the token once: --token-stdin, --token-file FILE or --token TOKEN.');
  if (tokenFile !== undefined) return readTokenFile(tokenFile);
  if (tokenStdin === true) return readInput();
  complain('Everybody on this computer can see the command line, and so this token; prefer --token-stdin.');
  return token ?? '';
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `--token-file ${file} cannot be read (${messageOf(error)}). Name the file that holds the token, or use --token-stdin.`,
    );
  }
}

const MAX_INPUT = 1_024;

async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_INPUT) break;
  }
  return text;
}

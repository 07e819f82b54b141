import { enrolmentState, type EnrolmentState } from '../agent/enrolment.ts';
import { betterStore, type KeyChoice } from '../agent/key-choice.ts';
import { statePaths } from '../agent/paths.ts';
import { rotateKeys } from '../agent/rotate.ts';
import { stateFile } from '../agent/state-file.ts';
import { systemClock } from '../base/clock.ts';
import { keyChoiceOf } from '../agent/this-computer.ts';
import { createLogger } from '../base/log.ts';
import { refuseAnothersKeys } from './agent-own-account.ts';
import type { Settings } from './agent-settings.ts';
import { paint, say, sayJson, withProgress } from './present.ts';
import { UsageError } from './usage-error.ts';

/** `drawbridge rotate-key`: new keys for an enrolled device. A running agent goes over to them by itself. */
export async function rotateKey(settings: Settings, json: boolean): Promise<number> {
  const { config, stateDir } = settings;
  const file = stateFile(
    statePaths(stateDir).enrolment,
    enrolmentState,
    createLogger('drawbridge-rotate-key', 'warn'),
  );
  const before = await file.read();
  if (before === null)
    throw new UsageError(
      'This device is not enrolled. Ask for a token and run: drawbridge enroll --server URL --token-stdin',
    );
  await refuseAnothersKeys(settings);
  const choice = keyChoiceOf(settings);
  const route = {
    url: new URL(config.server.url ?? before.server.url),
    proxy: config.server.proxy,
    env: process.env,
  };
  const rotation = { route, file, home: choice.home, clock: systemClock, caFile: config.server.caFile };
  const after = await withProgress('Giving this computer new keys', () => rotateKeys(rotation, choice));
  await answer(before, after, choice, json);
  return 0;
}

async function answer(
  before: EnrolmentState,
  after: EnrolmentState,
  choice: KeyChoice,
  json: boolean,
): Promise<void> {
  const { device, keyStore } = after;
  if (json) return sayJson({ device, keyStore, before: before.keyStore });
  const moved =
    before.keyStore === keyStore ? `kept in: ${keyStore}` : `moved from ${before.keyStore} to ${keyStore}`;
  say(`${paint('green', 'New keys')}, ${moved}. The old ones open no session any more.`);
  const better = await betterStore(keyStore, choice);
  if (better !== null) say(better);
}

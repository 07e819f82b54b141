import { dirname, join } from 'node:path';
import { enrolmentState, type EnrolmentState } from '../agent/enrolment.ts';
import { SERVICE_PATHS, statePaths } from '../agent/paths.ts';
import { closeOwnFolder } from '../agent/service/own-folder.ts';
import { stateFile } from '../agent/state-file.ts';
import { LOCAL_SYSTEM, ownAccount } from '../agent/windows-account.ts';
import { isPackaged } from '../base/assets.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { formatToken, type EnrolmentToken } from '../wire/token.ts';
import type { Settings } from './agent-settings.ts';
import { UsageError } from './usage-error.ts';

/*
 * Windows keeps keys for the account that makes them. Those of the installed service have to be the service's, or it
 * could not use them.
 */

/** Whether the keys that are meant are the service's of Windows, and this is somebody else. */
export async function isAnothersKeys({ platform, stateDir }: Settings): Promise<boolean> {
  if (platform !== 'windows' || !isPackaged || stateDir !== SERVICE_PATHS.windows.stateDir) return false;
  return (await ownAccount()) !== LOCAL_SYSTEM;
}

/** Throws `UsageError` where the keys are another account's. */
export async function refuseAnothersKeys(settings: Settings): Promise<void> {
  if (await isAnothersKeys(settings))
    throw new UsageError(
      `The keys in ${settings.stateDir} are those of the service, which runs as LocalSystem, and no other account ` +
        'can use them. Run this as LocalSystem, as device management does.',
    );
}

export type LeftInvitation = { url: URL; token: EnrolmentToken; again: boolean };

/** The service looks every 15 s; a server may take its time. */
const WITHIN_MS = 90_000;
const LOOK_MS = 500;

/**
 * Leaves an invitation for the service, and answers what it has become once it has enrolled. Throws `UsageError` where
 * the service has an identity already, or does not take the invitation.
 */
export async function leaveForService(settings: Settings, left: LeftInvitation): Promise<EnrolmentState> {
  const { enrolment } = statePaths(settings.stateDir);
  const file = stateFile(enrolment, enrolmentState, createLogger('drawbridge-enroll', 'warn'));
  const before = await file.read();
  if (before !== null && before.status !== 'requested') {
    if (!left.again && before.tokenId === left.token.id) return before;
    throw new UsageError(
      `This device is enrolled with ${before.server.url} already. For a new identity: stop the service, remove ` +
        `${enrolment}, start the service, and run this again without --again.`,
    );
  }
  const folder = dirname(SERVICE_PATHS.windows.config);
  // The token is a secret; the installer or the service has closed the folder, unless neither was there.
  await closeOwnFolder(folder);
  await writeAtomic(
    join(folder, 'enroll'),
    `ENROLL_URL=${left.url.origin}\nENROLL_TOKEN=${formatToken(left.token)}\n`,
  );
  const end = systemClock.monotonic() + WITHIN_MS;
  while (systemClock.monotonic() < end) {
    await systemClock.sleep(LOOK_MS);
    const now = await file.read();
    if (now !== null && now.status !== 'requested') return now;
  }
  throw new UsageError(
    `The service has not enrolled within ${WITHIN_MS / 1_000} s; it goes on trying. Why, is in ` +
      `${join(folder, 'agent.log')}; whether it runs: sc.exe query Drawbridge`,
  );
}

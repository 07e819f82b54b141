import type { Host } from '../../../collectors/check.ts';
import { sc } from '../../base/commands.ts';
import { run } from '../../base/exec.ts';
import type { Logger } from '../../base/log.ts';

/** Seconds of a good run after which the next failure is a first one again. */
const RESET_SECONDS = 86_400;
const RESTARTS = 'restart/5000/restart/30000/restart/60000';

/**
 * Has the service manager start the service again after 5, 30 and then always 60 seconds, also when it has ended with
 * an error instead of a crash. The service sees to that itself at each start: the installer's own table for it "is not
 * working as expected" (MsiServiceConfigFailureActions in Microsoft's documentation). Never rejects.
 */
export async function setRecovery(
  name: string,
  log: Pick<Logger, 'warn'>,
  asking: Pick<Host, 'run'> = { run },
): Promise<void> {
  const wanted = [
    ['failure', name, 'reset=', String(RESET_SECONDS), 'actions=', RESTARTS],
    ['failureflag', name, '1'],
  ];
  for (const argv of wanted) {
    const { code, failure } = await asking.run(sc, argv);
    if (code !== 0) log.warn({ argv, code, failure }, 'Windows was not told to start the service again');
  }
}

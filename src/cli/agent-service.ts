import { dirname, join } from 'node:path';
import { main } from '../agent/main.ts';
import { SERVICE_PATHS } from '../agent/paths.ts';
import { reportEvent } from '../agent/service/event-log.ts';
import { logFile } from '../agent/service/log-file.ts';
import { closeOwnFolder } from '../agent/service/own-folder.ts';
import { setRecovery } from '../agent/service/recovery.ts';
import { invitationInRegistry } from '../agent/service/registry.ts';
import { connectToScm, type Scm } from '../agent/service/scm.ts';
import { ServiceLife } from '../agent/service/status.ts';
import { untilAborted } from '../base/actors.ts';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { createLogger, type Logger } from '../base/log.ts';
import type { Settings } from './agent-settings.ts';
import { EXIT_FAILED } from './exit-codes.ts';

/** As the installer names it (packaging/windows). */
const SERVICE_NAME = 'Drawbridge';

/** Milliseconds for the service manager to take our last word. */
const LAST_WORD_MS = 5_000;

/**
 * `drawbridge service`: the agent as a service of Windows. Rejects where the service manager has not started it; else
 * ends the process as soon as the manager knows how it ended, so that an installer can take the files away.
 */
export async function runService(load: () => Promise<Settings>): Promise<never> {
  let scm: Scm | null = null;
  const life = new ServiceLife({ tell: (status) => void scm?.tell(status) });
  scm = await connectToScm(SERVICE_NAME, (code) => life.control(code));
  life.begin();
  const code = await work(life, load);
  life.stopped(code);
  await Promise.race([scm.ended, systemClock.sleep(LAST_WORD_MS)]);
  process.exit(code);
}

/** Answers with the exit code; never rejects. */
async function work(life: ServiceLife, load: () => Promise<Settings>): Promise<number> {
  const folder = dirname(SERVICE_PATHS.windows.stateDir);
  let log: Logger | null = null;
  try {
    await closeOwnFolder(folder);
    log = openLog(folder);
    const settings = await load();
    await closeOwnFolder(settings.stateDir);
    void setRecovery(SERVICE_NAME, log);
    const manager = {
      ready: async () => life.running(),
      keepAlive: (_: unknown, signal: AbortSignal) => untilAborted(signal),
    };
    const service = { signal: life.signal, manager, log, places: [invitationInRegistry()] };
    return await main(settings, load, service);
  } catch (error) {
    log?.fatal({ why: messageOf(error) }, 'the service cannot run');
    await reportEvent(SERVICE_NAME, messageOf(error)).catch(() => {});
    return EXIT_FAILED;
  }
}

/** A service has no standard error: also what ends Node itself is written down. */
function openLog(folder: string): Logger {
  const log = createLogger('drawbridge-agent', 'info', logFile(join(folder, 'agent.log')));
  process.on('uncaughtExceptionMonitor', (err) => log.fatal({ err }, 'ended by an error nobody expected'));
  return log;
}

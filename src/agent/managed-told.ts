import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../base/log.ts';
import type { AgentState } from './agent-state.ts';
import { worthKeeping, type Managed, type Remembered } from './managed-kept.ts';
import type { StateFile } from './state-file.ts';

/** What management wants is kept for the day when it makes no sense any more, and told to whoever asks. */
export async function tellOfManagement(
  managed: Managed,
  state: Pick<AgentState, 'managed' | 'status'>,
  log: Logger,
): Promise<void> {
  const { source, settings } = managed;
  const problems = managed.problems.map(({ message }) => message);
  for (const why of problems) log.warn({ source, why }, 'what device management wants is not understood');
  await keep(state.managed, worthKeeping(managed)).catch((error: unknown) =>
    log.warn({ err: error }, 'managed settings could not be kept'),
  );
  const names = settings.map(({ name }) => name);
  state.status.update({ managed: source === null ? null : { source, settings: names, problems } });
}

/** What has not changed is not written: settings are read again when a file of theirs is a new one. */
async function keep(file: StateFile<Remembered>, wanted: Remembered): Promise<void> {
  const kept = (await file.read()) ?? {};
  if (!isDeepStrictEqual(kept, wanted)) await file.write(wanted);
}

import type { Logger } from '../base/log.ts';
import type { AgentState } from './agent-state.ts';
import { worthKeeping, type Managed } from './managed-kept.ts';

/** What management wants is kept for the day when it makes no sense any more, and told to whoever asks. */
export async function tellOfManagement(
  managed: Managed,
  state: Pick<AgentState, 'managed' | 'status'>,
  log: Logger,
): Promise<void> {
  const { source, settings } = managed;
  const problems = managed.problems.map(({ message }) => message);
  for (const why of problems) log.warn({ source, why }, 'what device management wants is not understood');
  await state.managed
    .write(worthKeeping(managed))
    .catch((error: unknown) => log.warn({ err: error }, 'managed settings could not be kept'));
  const names = settings.map(({ name }) => name);
  state.status.update({ managed: source === null ? null : { source, settings: names, problems } });
}

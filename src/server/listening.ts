import type { Clock } from '../base/clock.ts';
import type { CommitObserver } from './store/group-commit.ts';

/**
 * Since when this server could have heard devices without a break. What it could not hear or keep, because it was
 * down or its database full, is its own silence and not theirs.
 */
export type Listening = {
  /** Milliseconds. */
  since(): number;
  /** Whether the last commit failed. */
  isInterrupted(): boolean;
  committed: CommitObserver;
};

export function createListening(clock: Clock): Listening {
  let since = clock.now();
  let interrupted = false;
  return {
    since: () => since,
    isInterrupted: () => interrupted,
    committed({ failed }) {
      if (interrupted && !failed) since = clock.now();
      interrupted = failed;
    },
  };
}

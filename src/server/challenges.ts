import { freshNonce, WINDOW_MS } from './nonces.ts';

const MAX_CHALLENGES = 10_000;

/** What a request about keys has to repeat, so that an old one is worth nothing. */
export type Challenges = { issue(now: number): string; use(challenge: string, now: number): boolean };

/** Each may be used once, within 120 s; the oldest give way when there are too many. */
export function createChallenges(): Challenges {
  const issued = new Map<string, number>();
  return {
    issue(now) {
      const challenge = freshNonce();
      issued.set(challenge, now);
      const [oldest] = issued.keys();
      if (issued.size > MAX_CHALLENGES && oldest !== undefined) issued.delete(oldest);
      return challenge;
    },
    use(challenge, now) {
      const at = issued.get(challenge);
      issued.delete(challenge);
      return at !== undefined && now - at <= WINDOW_MS;
    },
  };
}

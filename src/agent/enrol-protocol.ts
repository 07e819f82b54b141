import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { codeOf, messageOf } from '../base/errors.ts';
import {
  challengeClaims,
  enrolResult,
  jwsBody,
  type EnrolClaims,
  type EnrolResult,
} from '../wire/enrolment.ts';
import { inspect, open, seal, thumbprint, TYP, type PublicJwk, type Signer } from '../wire/envelope.ts';
import { deviceUrn, serverUrn } from '../wire/ids.ts';
import { hintOf } from '../wire/refusal.ts';
import { agreeOn } from '../wire/version.ts';
import { postJson, type Answer, type Route } from './http.ts';
import { proxyFor } from './proxy.ts';
import { connectProblem, type Trust } from './trust.ts';

/** `code` is a refusal of the server's, or one of ours; the message says what to do. */
export class EnrolError extends Error {
  override name = 'EnrolError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const TIMEOUT_MS = 15_000;
const MAX_BYTES = 262_144;

/** What the server has proven of itself: it holds the order root that the token names. */
export type Challenge = {
  challenge: string;
  rootKey: PublicJwk;
  tlsCa: string | null;
  /** The server's time, milliseconds. */
  serverNow: number;
};

/**
 * Step 1: the server signs our nonce with its order root. TLS is not verified yet and nothing secret is sent;
 * a server with another root gets no further, whatever certificate it shows.
 */
export async function fetchChallenge(
  route: Route,
  orderRoot: string,
  signal?: AbortSignal,
): Promise<Challenge> {
  const nonce = randomBytes(16).toString('base64url');
  const answer = await post(route, '/v1/enroll/challenge', { nonce }, 'unverified', signal);
  const { claims, key } = await openFromRoot(answer, TYP.enrollChallenge, challengeClaims, orderRoot);
  if (claims.nonce !== nonce || claims.iss !== serverUrn(orderRoot)) {
    throw new EnrolError(
      'foreign_server',
      'The server answered another question than ours; somebody may sit in between.',
    );
  }
  if (agreeOn(claims.versions) === null)
    throw new EnrolError('protocol_unsupported', hintOf('protocol_unsupported'));
  return { challenge: claims.challenge, rootKey: key, tlsCa: claims.tls_ca, serverNow: claims.iat * 1_000 };
}

export type EnrolRequest = {
  route: Route;
  trust: Trust;
  orderRoot: string;
  claims: EnrolClaims;
  signer: Signer;
  signal?: AbortSignal;
};

/** Step 2: the token's secret, inside TLS that verifies. */
export async function requestEnrolment(request: EnrolRequest): Promise<EnrolResult> {
  const { claims, signer } = request;
  const body = { jws: await seal(TYP.enroll, claims, signer, true) };
  const result = await postSigned(request, { path: '/v1/enroll', body, typ: TYP.enrollResult }, enrolResult);
  if (result.nonce !== claims.nonce || result.aud !== deviceUrn(result.device)) {
    throw new EnrolError('malformed', 'The server’s answer belongs to another request. Run this again.');
  }
  return result;
}

type AnswerTyp = typeof TYP.enrollChallenge | typeof TYP.enrollResult | typeof TYP.rotateResult;

/** Posts over TLS that verifies; answers with what the order root has signed. Throws `EnrolError`. */
export async function postSigned<S extends z.ZodType>(
  { route, trust, orderRoot, signal }: Pick<EnrolRequest, 'route' | 'trust' | 'orderRoot' | 'signal'>,
  { path, body, typ }: { path: string; body: unknown; typ: AnswerTyp },
  schema: S,
): Promise<z.output<S>> {
  const answer = await post(route, path, body, trust, signal);
  return (await openFromRoot(answer, typ, schema, orderRoot)).claims;
}

async function post(
  route: Route,
  path: string,
  body: unknown,
  trust: Trust | 'unverified',
  signal?: AbortSignal,
): Promise<Answer> {
  const options = { trust, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
  try {
    return await postJson(route, path, body, signal === undefined ? options : { ...options, signal });
  } catch (error) {
    throw new EnrolError(connectProblem(error), connectSentence(route, error, signal?.aborted === true));
  }
}

/** What to look at, by the error's code; the proxy is named where the way leads through one. */
function connectSentence({ url, proxy, env }: Route, error: unknown, cancelled: boolean): string {
  const target = proxyFor(url, proxy, env) ?? url;
  const code = codeOf(error);
  if (code === 'ECONNREFUSED')
    return `Nobody listens at ${target.origin}: is the server running, is the port right?`;
  if (code === 'ENOTFOUND')
    return `There is no host ${target.hostname}; check ${target === url ? '--server' : 'the proxy setting'}.`;
  const gaveUp = error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name);
  if (gaveUp && !cancelled)
    return `${url.origin} does not answer within ${TIMEOUT_MS / 1_000} s; check the address and the firewall.`;
  return `${url.origin}: ${messageOf(error)}`;
}

/** The claims of a token that the order root signed; the root's key is in the header and has to match its thumbprint. */
async function openFromRoot<S extends z.ZodType>(
  answer: Answer,
  typ: AnswerTyp,
  schema: S,
  orderRoot: string,
): Promise<{ claims: z.output<S>; key: PublicJwk }> {
  const body = jwsBody.safeParse(answer.body);
  if (answer.status !== 200 || !body.success) throw refused(answer);
  const header = inspect(body.data.jws, typ, MAX_BYTES);
  const key = header.ok ? header.value.jwk : undefined;
  if (key === undefined) throw new EnrolError('malformed', hintOf('malformed'));
  if ((await thumbprint(key)) !== orderRoot) throw foreignServer();
  const claims = await open(body.data.jws, key, schema);
  if (!claims.ok) throw new EnrolError(claims.error, hintOf(claims.error));
  return { claims: claims.value, key };
}

function foreignServer(): EnrolError {
  return new EnrolError(
    'foreign_server',
    'This is not the server that the token was made by: it holds another order root. ' +
      'Check --server; if it is right, ask for a token made by that very server. The token’s secret was not sent.',
  );
}

function refused({ status, body }: Answer): EnrolError {
  const code = codeIn(body);
  if (code !== null) return new EnrolError(code, hintOf(code));
  return new EnrolError('refused', `The server answered with HTTP ${status}; is this a Drawbridge server?`);
}

function codeIn(body: unknown): string | null {
  const found = typeof body === 'object' && body !== null && 'err' in body ? body.err : null;
  return typeof found === 'string' ? found.slice(0, 60) : null;
}

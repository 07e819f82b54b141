import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';
import { codeOf, messageOf } from '../base/errors.ts';

/** PEM certificates of authorities; `undefined` leaves the choice to Node's own list. */
export type Trust = { ca: string[] };

/**
 * Whom to believe about the server's TLS certificate: the authority that the server's order root signed for, and
 * no other besides `caFile`; or the system's authorities where the server uses a public certificate.
 */
export async function loadTrust(tlsCa: string | null, caFile: string | undefined): Promise<Trust> {
  const own = caFile === undefined ? [] : [await readAuthority(caFile)];
  if (tlsCa !== null) return { ca: [tlsCa, ...own] };
  return { ca: [...publicAuthorities(), ...getCACertificates('system'), ...own] };
}

/**
 * Node's own list. It is named wherever it is meant: a packaged agent does not read it until then (packaging/build/parts.ts).
 */
export function publicAuthorities(): string[] {
  return [...new Set([...getCACertificates('bundled'), ...getCACertificates('default')])];
}

async function readAuthority(caFile: string): Promise<string> {
  try {
    return await readFile(caFile, 'utf8');
  } catch (error) {
    throw new Error(
      `The setting server.caFile names ${caFile}, which cannot be read (${messageOf(error)}). Correct the setting, or the file’s rights.`,
      { cause: error },
    );
  }
}

export type ConnectProblem = 'certificate-time' | 'certificate' | 'unreachable' | 'failed';

/** A reset is not among them: that is also how some proxies refuse a WebSocket. */
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

const CERTIFICATE_CODES =
  /^(CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Sorts an error of connecting by what a person would have to look at. */
export function connectProblem(error: unknown): ConnectProblem {
  const code = codeOf(error);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'certificate-time';
  if (CERTIFICATE_CODES.test(code)) return 'certificate';
  return NETWORK_CODES.has(code) ? 'unreachable' : 'failed';
}

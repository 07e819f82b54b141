import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { csrClaims, type CertificateClaims } from '../../wire/certificate.ts';
import { inspect, open, publicJwk, seal, TYP, type Signer } from '../../wire/envelope.ts';
import { MAX_FRAME, type ServerFrame } from '../../wire/frames.ts';
import { deviceUrn } from '../../wire/ids.ts';
import type { Refusal } from '../../wire/refusal.ts';
import { audit } from '../store/audit.ts';
import { findByReportKey } from '../store/devices.ts';
import type { Store } from '../store/store.ts';
import type { Desk, Issued } from './desk.ts';
import { CERTIFICATE_REFUSALS } from './refusals.ts';

export type OverLinkParts = {
  store: Store;
  clock: Clock;
  desk: Desk;
  /** The order key: it says which authority a device is to trust. */
  signer: Signer;
  /** The server's own urn. */
  issuer: string;
};

/** What an agent asks over its connection: answers with a certificate, or why there is none; an error is no request. */
export type CertificateAnswers = {
  answer(device: string, jws: string): Promise<Result<ServerFrame, Refusal>>;
};

const MAX_SKEW_S = 120;
const RETRY_S = 30;

export function certificatesOverLink(parts: OverLinkParts): CertificateAnswers {
  const noted = createNotes(parts);
  return {
    async answer(device, jws) {
      const der = await requestIn(parts, device, jws);
      if (!der.ok) {
        await noted(device, der.error);
        return der;
      }
      const csr = createHash('sha256').update(der.value).digest('base64url');
      const given = await parts.desk.forDevice({ device, der: der.value, via: 'agent' });
      if (given.ok) return ok({ t: 'certificate', jws: await sealed(parts, device, csr, given.value) });
      const { wait, hint } = CERTIFICATE_REFUSALS[given.error];
      return ok({ t: 'certificate-refused', csr, err: given.error, hint, retry_s: wait ? RETRY_S : null });
    },
  };
}

/** The same refusal of the same device is on record once an hour: whoever tries it may try it all day. */
const AGAIN_MS = 3_600_000;

function createNotes({ store, clock }: OverLinkParts) {
  const last = new Map<string, number>();
  return async (device: string, reason: Refusal): Promise<void> => {
    const now = clock.now();
    const key = `${device} ${reason}`;
    if (now - (last.get(key) ?? -Infinity) < AGAIN_MS) return;
    last.set(key, now);
    const detail = { reason, via: 'agent' };
    const entry = { actor: `device ${device}`, action: 'refuse certificate', subject: device, detail };
    await store.write((db) => audit(db, now, entry));
  };
}

async function requestIn(
  { store, clock, issuer }: OverLinkParts,
  device: string,
  jws: string,
): Promise<Result<Uint8Array, Refusal>> {
  const header = inspect(jws, TYP.csr, MAX_FRAME);
  if (!header.ok) return header;
  const signer = await store.read((db) => findByReportKey(db, header.value.kid));
  if (signer?.id !== device) return err('unknown_key');
  const claims = await open(jws, publicJwk.parse(JSON.parse(signer.jwk)), csrClaims);
  if (!claims.ok) return claims;
  const { iss, aud, iat, csr } = claims.value;
  if (iss !== deviceUrn(device)) return err('wrong_issuer');
  if (aud !== issuer) return err('wrong_audience');
  if (Math.abs(clock.now() / 1_000 - iat) > MAX_SKEW_S) return err('clock_skew');
  return ok(Buffer.from(csr, 'base64'));
}

function sealed(
  { clock, signer, issuer }: OverLinkParts,
  device: string,
  csr: string,
  { certificate, issuing, root }: Issued,
): Promise<string> {
  const iat = Math.floor(clock.now() / 1_000);
  const claims: CertificateClaims = {
    iss: issuer,
    aud: deviceUrn(device),
    iat,
    csr,
    certificate,
    issuing,
    root,
  };
  return seal(TYP.certificate, claims, signer);
}

import { err, ok, type Result } from '../../base/result.ts';
import { certificateClaims, type CertificateClaims, type CsrClaims } from '../../wire/certificate.ts';
import { inspect, open, seal, TYP, type Signer } from '../../wire/envelope.ts';
import { MAX_FRAME } from '../../wire/frames.ts';
import { deviceUrn, serverUrn } from '../../wire/ids.ts';
import { orderKey, type Identity } from '../enrolment.ts';
import { uuidv7 } from '../uuid.ts';

/** A request (base64) as it travels: the report key vouches for it. `now` in milliseconds. */
export function sealRequest(csr: string, identity: Identity, signer: Signer, now: number): Promise<string> {
  const claims: CsrClaims = {
    iss: deviceUrn(identity.device),
    aud: serverUrn(identity.orderRoot),
    iat: Math.floor(now / 1_000),
    jti: uuidv7(now),
    csr,
  };
  return seal(TYP.csr, claims, signer);
}

/** Signed by the order key: TLS alone does not say which authority to trust. */
export async function openAnswer(
  jws: string,
  identity: Identity,
): Promise<Result<CertificateClaims, string>> {
  const header = inspect(jws, TYP.certificate, MAX_FRAME);
  if (!header.ok) return header;
  const key = await orderKey(identity, header.value.kid);
  if (key === null) return err('unknown_key');
  const claims = await open(jws, key, certificateClaims);
  if (!claims.ok) return claims;
  const { iss, aud } = claims.value;
  const isOurs = iss === serverUrn(identity.orderRoot) && aud === deviceUrn(identity.device);
  return isOurs ? ok(claims.value) : err('foreign');
}

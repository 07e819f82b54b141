import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import type { Baseline } from '../policy/baseline.ts';
import { baselineSchema } from '../policy/baseline-schema.ts';
import { inspect, open, seal, thumbprint, TYP, type Signer } from '../wire/envelope.ts';

/** Bytes; all of Windows, macOS and the distributions are a tenth of it. */
export const MAX_BASELINE = 2 * 1024 * 1024;

/** A baseline whose signature was verified; `signer` is the thumbprint of the key. */
export type SignedBaseline = { baseline: Baseline; signer: string };

/** The signed form: a compact JWS, `typ: posture-baseline+jwt`, with the public key in its header. */
export function sealBaseline(baseline: Baseline, signer: Signer): Promise<string> {
  return seal(TYP.baseline, baseline, signer, true);
}

/** Opens a signed baseline. `trusted` are thumbprints of keys; the error is a sentence for a person. */
export async function openBaseline(
  text: string,
  trusted: ReadonlySet<string>,
): Promise<Result<SignedBaseline, string>> {
  const jws = text.trim();
  const header = inspect(jws, TYP.baseline, MAX_BASELINE);
  if (!header.ok) return err(header.error === 'frame_too_large' ? 'It is larger than 2 MiB.' : NOT_SIGNED);
  const { jwk, kid } = header.value;
  if (jwk === undefined || (await thumbprint(jwk)) !== kid) return err(NOT_SIGNED);
  if (!trusted.has(kid)) return err(untrusted(kid));
  const baseline = await open(jws, jwk, baselineSchema);
  if (baseline.ok) return ok({ baseline: baseline.value, signer: kid });
  return err(
    baseline.error === 'bad_signature'
      ? 'Its signature is wrong: it was changed after it was signed.'
      : 'What was signed is no baseline of this version. Update this server, or sign it anew.',
  );
}

const NOT_SIGNED = 'It is no signed baseline. Sign one with: drawbridge-server baseline sign FILE.';

function untrusted(kid: string): string {
  return `It is signed by a key that this server does not know (${kid}). If it is yours, list it under baseline.signers in server.yaml.`;
}

/** Reads an unsigned baseline, as `convert` writes it. */
export function parseBaseline(text: string): Result<Baseline, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err('It is not JSON.');
  }
  const parsed = baselineSchema.safeParse(json);
  return parsed.success ? ok(parsed.data) : err(z.prettifyError(parsed.error));
}

import { z } from 'zod';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import { err, ok, type Result } from '../../src/base/result.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { askExtraObject, askObject, type Unanswered } from '../windows-probe.ts';
import { flag, text } from '../windows-values.ts';

type SecureBoot = Fact<'secure-boot'>;

const secureBoot = z.object({ UEFISecureBootEnabled: flag });
const tpm = z.object({ TpmPresent: flag, SpecVersion: text });

export async function read(host: Host): Promise<Observed<SecureBoot>> {
  const state = await readState(host);
  if (!state.ok) return state.error;
  return known({
    secureBoot: state.value,
    level: null,
    tpm: tpmOf(await askExtraObject(host, 'tpm', tpm)),
    secureEnclave: null,
    sip: null,
    gatekeeper: null,
    kernelLockdown: null,
  });
}

async function readState(host: Host): Promise<Result<SecureBoot['secureBoot'], Unanswered>> {
  const answer = await askObject(host, 'secureBoot', secureBoot);
  // Confirm-SecureBootUEFI fails on a legacy BIOS and on firmware without the variable: an answer, not an error.
  if (!answer.ok) return answer.error.why === 'unsupported' ? ok('unsupported') : err(answer.error);
  const { UEFISecureBootEnabled: enabled } = answer.value;
  if (enabled === null) return err(unknown('unparsable', 'secureBoot: UEFISecureBootEnabled is not stated'));
  return ok(enabled ? 'on' : 'off');
}

/** SpecVersion is "2.0, 0, 1.38". A TPM that is there but does not say which one it is may be a 1.2. */
function tpmOf(answer: z.output<typeof tpm> | null): SecureBoot['tpm'] {
  if (answer?.TpmPresent === false) return 'none';
  const version = /^\s*(\d\.\d)/.exec(answer?.SpecVersion ?? '')?.[1];
  return version === '2.0' || version === '1.2' ? version : null;
}

import { z } from 'zod';

const pem = z.string().max(32_768);

/** A certificate with its key and who signed it; times in milliseconds. */
export const heldCertificate = () =>
  z.object({
    key: pem,
    certificate: pem,
    issuing: pem,
    root: pem,
    serial: z.string(),
    notBefore: z.number(),
    notAfter: z.number(),
    /** From when on the next one is asked for. */
    renewAt: z.number(),
    installed: z.boolean(),
  });

export type HeldCertificate = z.infer<ReturnType<typeof heldCertificate>>;

/** What outlives a run of the agent; holds keys. */
export const certificateState = () =>
  z.object({
    device: z.string(),
    held: heldCertificate().nullable(),
    /** Made beforehand, so that asking takes no time; `csr` is base64. */
    next: z.object({ key: pem, csr: z.base64() }).nullable(),
    /** Told to do without, until it is told otherwise. */
    dropped: z.boolean(),
  });

export type CertificateState = z.infer<ReturnType<typeof certificateState>>;

/** Where this system's VPN software looks for a certificate and its key. */
export interface CertificateStore {
  /** Puts it there in the place of an earlier one. Throws with a sentence for a person. */
  install(held: Pick<HeldCertificate, 'key' | 'certificate' | 'issuing' | 'root'>): Promise<void>;
  /** Takes away what `install` has put there, also of an earlier run. Throws with a sentence. */
  remove(): Promise<void>;
}

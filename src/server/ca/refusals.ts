/** Why a certificate is not given, with what to do about it. `wait`: the same request may succeed later. */
export const CERTIFICATE_REFUSALS = {
  malformed_request: {
    wait: false,
    hint: 'This is no PKCS#10 request in DER of at most 16 kB. Make one: openssl req -new -newkey rsa:2048 -outform DER.',
  },
  bad_signature: {
    wait: false,
    hint: 'The request is not signed by the key in it: whoever sent it does not have that key.',
  },
  weak_key: {
    wait: false,
    hint: 'The key has to be RSA of 2048 to 4096 bits with exponent 65537, or ECDSA on P-256 or P-384, and the request signed with SHA-256 or better.',
  },
  other_name: {
    wait: false,
    hint: 'The request names somebody else. Leave the names out: the server sets them.',
  },
  forged_extension: {
    wait: false,
    hint: 'The request asks for extensions that this kind of certificate does not have. Leave them out: the server sets them.',
  },
  replayed: {
    wait: false,
    hint: 'This very request has been answered with a certificate before. Make a new key and a new request.',
  },
  key_used: {
    wait: false,
    hint: 'A certificate was given for this key before; each certificate needs a key of its own. Make a new key.',
  },
  device_unknown: { wait: false, hint: 'There is no such device.' },
  device_revoked: { wait: false, hint: 'This device was removed; it gets no certificate.' },
  device_pending: {
    wait: true,
    hint: 'An administrator has to approve this device: drawbridge-server device approve ID.',
  },
  device_cloned: {
    wait: true,
    hint: 'Two computers use this device’s identity; an administrator has to look into it.',
  },
  not_judged: { wait: true, hint: 'The device has not reported yet; ask again once it has.' },
  outdated: { wait: true, hint: 'The device has not reported lately; ask again once it has.' },
  not_healthy: {
    wait: true,
    hint: 'The device is not as the policy asks; ask again once that is mended.',
  },
  authority_expired: {
    wait: true,
    hint: 'The issuing authority’s certificate is not valid now. Is the server’s clock right? Else make a new one: drawbridge-server ca intermediate csr.',
  },
  authority_failed: {
    wait: true,
    hint: 'The certificate authority did not answer as it should; the server’s log says more.',
  },
  too_many: { wait: true, hint: 'This device has asked too often; wait a minute.' },
} as const satisfies Record<string, { wait: boolean; hint: string }>;

export type CertificateRefusal = keyof typeof CERTIFICATE_REFUSALS;

/** The six that Set-VpnConnectionIPsecConfiguration takes together, or none of them. */
export type WindowsSuites = {
  EncryptionMethod: string;
  IntegrityCheckMethod: string;
  DHGroup: string;
  CipherTransformConstants: string;
  AuthenticationTransformConstants: string;
  PfsGroup: string;
};

const CIPHERS: Readonly<Record<string, string>> = {
  '3des': 'DES3',
  aes128: 'AES128',
  aes192: 'AES192',
  aes256: 'AES256',
};
/** Authenticated encryption: the name is both the cipher and the check. */
const SEALED: Readonly<Record<string, string>> = {
  aes128gcm16: 'GCMAES128',
  aes192gcm16: 'GCMAES192',
  aes256gcm16: 'GCMAES256',
};
const HASHES: Readonly<Record<string, string>> = {
  md5: 'MD5',
  sha1: 'SHA1',
  sha256: 'SHA256',
  sha384: 'SHA384',
};
const CHECKS: Readonly<Record<string, string>> = { md5: 'MD596', sha1: 'SHA196', sha256: 'SHA256128' };
const GROUPS: Readonly<Record<string, string>> = {
  modp768: 'Group1',
  modp1024: 'Group2',
  modp2048: 'Group14',
  ecp256: 'ECP256',
  ecp384: 'ECP384',
};
const PFS: Readonly<Record<string, string>> = {
  modp768: 'PFS1',
  modp1024: 'PFS2',
  modp2048: 'PFS2048',
  ecp256: 'ECP256',
  ecp384: 'ECP384',
};

/**
 * The best proposals that Windows can be told: it takes one for IKE and one for ESP, both or neither. Undefined where
 * it has no word for any of them; null where both lists are empty and Windows is left to choose.
 */
export function windowsSuites(suites: {
  ike: readonly string[];
  esp: readonly string[];
}): WindowsSuites | null | undefined {
  if (suites.ike.length === 0 && suites.esp.length === 0) return null;
  const ike = suites.ike.map(ikeOf).find((one) => one !== undefined);
  const esp = suites.esp.map(espOf).find((one) => one !== undefined);
  return ike === undefined || esp === undefined ? undefined : { ...ike, ...esp };
}

function ikeOf(proposal: string) {
  const [cipher = '', hash = '', group = '', ...more] = proposal.split('-');
  const found = {
    EncryptionMethod: CIPHERS[cipher],
    IntegrityCheckMethod: HASHES[hash],
    DHGroup: GROUPS[group],
  };
  return more.length === 0 ? complete(found) : undefined;
}

function espOf(proposal: string) {
  const [cipher = '', ...rest] = proposal.split('-');
  const sealed = SEALED[cipher];
  const [check = '', group, ...more] = sealed === undefined ? rest : ['', ...rest];
  const found = {
    CipherTransformConstants: sealed ?? CIPHERS[cipher],
    AuthenticationTransformConstants: sealed ?? CHECKS[check],
    PfsGroup: group === undefined ? 'None' : PFS[group],
  };
  return more.length === 0 ? complete(found) : undefined;
}

function complete<T extends Record<string, string | undefined>>(
  found: T,
): { [K in keyof T]: string } | undefined {
  return Object.values(found).includes(undefined) ? undefined : (found as { [K in keyof T]: string });
}

/** In the words of the vpn-client fact: `aes256-sha256-group14`, `gcmaes256-gcmaes256`. */
export function shownSuites(suites: WindowsSuites): string[] {
  const { EncryptionMethod, IntegrityCheckMethod, DHGroup, ...esp } = suites;
  const { CipherTransformConstants, AuthenticationTransformConstants, PfsGroup } = esp;
  return [
    [EncryptionMethod, IntegrityCheckMethod, DHGroup],
    [CipherTransformConstants, AuthenticationTransformConstants, PfsGroup],
  ].map((names) =>
    names
      .filter((name) => name !== 'None')
      .join('-')
      .toLowerCase(),
  );
}

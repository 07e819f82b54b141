/** The name stays while the certificate changes: connections refer to it once and for all. */
export const DEVICE_NAME = 'drawbridge-device';

/** The files of the device's own certificate, by their names alone. */
export const DEVICE_FILES = {
  own: `${DEVICE_NAME}.pem`,
  issuing: `${DEVICE_NAME}-issuing.pem`,
  root: `${DEVICE_NAME}-root.pem`,
} as const;

/** Where VPN software looks for each of them; whoever has none of a kind does not get one. */
export const CERTIFICATE_HOMES = [
  { folder: '/etc/swanctl', authority: 'x509ca', certificate: 'x509', key: 'private' },
  // NetworkManager's L2TP plugin names files below here, and strongSwan's AppArmor profile lets it read them.
  { folder: '/etc/ipsec.d', authority: 'cacerts', certificate: 'certs', key: 'private' },
] as const;

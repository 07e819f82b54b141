import { z } from 'zod';
import { onDemand } from '../base/on-demand.ts';

/** A name as configuration files of VPN software can hold it: no quotes, no control characters, no path. */
const plainName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u);

/** A host name or an IP address. */
export const gatewayName = z.union([
  z.ipv4(),
  z.ipv6(),
  z
    .string()
    .max(253)
    .regex(/^(?=.)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/),
]);

/** One proposal in strongSwan's notation, such as `aes256-sha256-modp2048`. */
const proposal = z
  .string()
  .max(100)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+){1,5}$/);

const certificatePem = z
  .string()
  .max(32_768)
  .regex(/^-----BEGIN CERTIFICATE-----/);

/** The name that the gateway's certificate has to bear. */
const gatewayIdentity = z.string().min(1).max(253).nullable();

/**
 * What one VPN connection is to be, whole: never a patch. `secret` says in which form its secrets come: as a JWE
 * to the device's encryption key inside an order, in clear text behind the driver's door.
 */
function profileOf<S extends z.ZodType<string>>(secret: S) {
  const machine = z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('psk'), psk: secret }),
    z.strictObject({
      kind: z.literal('certificate'),
      /** The authority that issued the gateway's certificate. */
      authority: certificatePem,
      certificate: certificatePem,
      /** PKCS#8 PEM. */
      key: secret,
      gatewayId: gatewayIdentity,
    }),
    /** The certificate that this server gives the device while it is well: no secret has to travel. */
    z.strictObject({
      kind: z.literal('device-certificate'),
      /** The authority that issued the gateway's certificate; null: the one that issues the device's. */
      authority: certificatePem.nullable(),
      gatewayId: gatewayIdentity,
    }),
  ]);
  return z.strictObject({
    name: plainName,
    gateway: gatewayName,
    machine,
    /** Null leaves what stands there: the user types it, or it is stored already. */
    user: z.strictObject({ name: z.string().min(1).max(253), password: secret.nullable() }).nullable(),
    /** Best first; empty leaves the choice to the VPN software. */
    suites: z.strictObject({ ike: z.array(proposal).max(8), esp: z.array(proposal).max(8) }),
    /** Everything through the tunnel, or only these networks. */
    routes: z.union([z.literal('all'), z.array(z.cidrv4()).min(1).max(64)]),
    dns: z.array(z.ipv4()).max(4),
    /** Bytes; null leaves the software's own. */
    mtu: z.number().int().min(576).max(1_500).nullable(),
  });
}

/** How a computer can prove which one it is. */
export const MACHINE_KINDS = [
  'psk',
  'certificate',
  'device-certificate',
] as const satisfies readonly Machine[];
type Machine = VpnProfile['machine']['kind'];

/** A compact JWE. */
export const jwe = z
  .string()
  .max(65_536)
  .regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}$/);

/** As it travels inside an order: its secrets are readable by the device alone. */
export const sealedProfile = onDemand(() => profileOf(jwe));
export type SealedProfile = z.infer<ReturnType<typeof sealedProfile>>;

/** As a driver gets it. */
export const vpnProfile = onDemand(() => profileOf(z.string().min(1).max(16_384)));
export type VpnProfile = z.infer<ReturnType<typeof vpnProfile>>;

/** The value of `set x-posture:vpn`. */
export const setVpn = onDemand(() => z.strictObject({ profile: sealedProfile(), up: z.boolean() }));

/** The value of `deny` and `allow x-posture:vpn`: which profiles, by the names that the vpn-client fact gives. */
export const whichVpn = z.strictObject({ profiles: z.array(z.string().max(253)).max(100).optional() });

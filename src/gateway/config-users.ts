import { z } from 'zod';
import { address, path, port } from './config-values.ts';

/** A distinguished name, or a filter with the user's name in it, as FreeRADIUS takes them in quotes. */
const ldapText = z.string().regex(/^[^"\\$`{}\p{Cc}]{1,400}$/u, {
  message: 'has to be one line without " \\ $ ` { }',
});

/** Who knows the passwords. */
export const userStore = z.discriminatedUnion('kind', [
  /** The file `users` beside radiusd.conf. */
  z.strictObject({ kind: z.literal('files') }),
  /** A directory: found by search, password by bind (PAP), or by an NT hash in it (MS-CHAPv2). */
  z.strictObject({
    kind: z.literal('ldap'),
    url: z.string().regex(/^(ldaps:\/\/[A-Za-z0-9.-]{1,253}|ldap:\/\/(127\.0\.0\.1|localhost))(:\d{1,5})?$/, {
      message: 'has to be like ldaps://directory.example.org (ldap: sends passwords in clear)',
    }),
    baseDn: ldapText,
    bindDn: ldapText,
    bindPasswordFile: path,
    /** `sAMAccountName` in Active Directory. */
    userAttribute: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/)
      .default('uid'),
    /** Where the directory has one, such as sambaNTPassword. */
    ntHashAttribute: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/)
      .optional(),
    /** The authority that signed the directory’s certificate; without it, those of the system. */
    caFile: path.optional(),
  }),
  /** Another RADIUS server, such as NPS or ISE, or one that asks for a second factor. */
  z.strictObject({
    kind: z.literal('radius'),
    servers: z
      .array(z.strictObject({ address, port: port.default(1_812), secretFile: path }))
      .min(1)
      .max(8),
    /** How long each may take; a second factor on a telephone takes its time. */
    answerSeconds: z.number().int().min(5).max(60).default(20),
  }),
]);

export type UserStore = z.output<typeof userStore>;

/** With paths of files taken by `from`. */
export function usersFrom(users: UserStore, from: (name: string) => string): UserStore {
  if (users.kind === 'ldap') {
    const { caFile } = users;
    return {
      ...users,
      bindPasswordFile: from(users.bindPasswordFile),
      ...(caFile !== undefined && { caFile: from(caFile) }),
    };
  }
  if (users.kind === 'radius') {
    return { ...users, servers: users.servers.map((one) => ({ ...one, secretFile: from(one.secretFile) })) };
  }
  return users;
}

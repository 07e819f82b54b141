import { z } from 'zod';
import { publicJwk, thumbprint, type PublicJwk } from '../wire/envelope.ts';
import { ueid, uuid } from '../wire/ids.ts';
import { keyLocation, keySlot, keyStoreKind, type KeyLocation } from './key-choice.ts';

/** What the device keeps of its enrolment. Holds no secret. */
export const enrolmentState = () =>
  z.object({
    server: z.object({
      url: z.string(),
      /** Thumbprint of the order root: the server's name, whatever its address. */
      orderRoot: z.string(),
      /** PEM of the server's own TLS authority, proven by the order root; null where public authorities vouch. */
      tlsCa: z.string().nullable(),
    }),
    /** The token that was used, to recognise a second run after a lost answer. */
    tokenId: z.string(),
    ueid,
    keyStore: keyStoreKind,
    /** Which of two sets of keys; files of older versions have the first. */
    keySlot: keySlot.default('a'),
    /** New keys of which the server has not answered yet whether it knows them. */
    next: keyLocation.nullable().default(null),
    /** The keys before these: secrets may still be sealed to them. */
    older: keyLocation.nullable().default(null),
    /** `requested`: the answer is outstanding; `pending`: an administrator has to approve. */
    status: z.enum(['requested', 'pending', 'enrolled']),
    device: uuid.nullable(),
    /** Keys that may sign orders and policies. */
    orderKeys: z.array(publicJwk),
  });

export type EnrolmentState = z.infer<ReturnType<typeof enrolmentState>>;

/** The parts that every frame needs, once the server has given the device its id. */
export type Identity = {
  device: string;
  ueid: string;
  orderRoot: string;
  orderKeys: readonly PublicJwk[];
};

export function identityOf(state: EnrolmentState): Identity | null {
  if (state.device === null) return null;
  const { device, ueid, orderKeys } = state;
  return { device, ueid, orderKeys, orderRoot: state.server.orderRoot };
}

/** Where the keys of this enrolment are. */
export function keysOf({ keyStore: kind, keySlot: slot }: EnrolmentState): KeyLocation {
  return { kind, slot };
}

/** The pinned order key with this thumbprint. */
export async function orderKey({ orderKeys }: Identity, kid: string): Promise<PublicJwk | null> {
  for (const key of orderKeys) {
    if ((await thumbprint(key)) === kid) return key;
  }
  return null;
}

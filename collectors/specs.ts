import type { z } from 'zod';
import type { Reading } from '../src/base/reading.ts';
import { agent } from './agent/spec.ts';
import { antivirus } from './antivirus/spec.ts';
import type { Reader } from './check.ts';
import { detections } from './detections/spec.ts';
import { diskEncryption } from './disk-encryption/spec.ts';
import { firewall } from './firewall/spec.ts';
import { l2tpServer } from './l2tp-server/spec.ts';
import { osPatch } from './os-patch/spec.ts';
import { osVersion } from './os-version/spec.ts';
import { processes } from './processes/spec.ts';
import { screenLock } from './screen-lock/spec.ts';
import { secureBoot } from './secure-boot/spec.ts';
import { tags } from './tags/spec.ts';
import { vpnClient } from './vpn-client/spec.ts';

/** Every check there is, in the order in which people are shown them. */
export const specs = {
  'os-version': osVersion,
  'os-patch': osPatch,
  'disk-encryption': diskEncryption,
  antivirus,
  detections,
  firewall,
  'screen-lock': screenLock,
  'secure-boot': secureBoot,
  'l2tp-server': l2tpServer,
  'vpn-client': vpnClient,
  processes,
  tags,
  agent,
} as const;

type Specs = typeof specs;

export type CheckId = keyof Specs;
export type Fact<Id extends CheckId> = z.infer<Specs[Id]['fact']>;

/** What can be wrong with one check; `<check>-unknown` is added for all of them. */
export type ReasonOf<Id extends CheckId> = Specs[Id]['reasons'][number] | `${Id}-unknown`;
export type ReasonCode = { [Id in CheckId]: ReasonOf<Id> }[CheckId];

export type Readings = { [Id in CheckId]: Reading<Fact<Id>> };
/** An operating system's readers; forgetting one does not compile. */
export type Readers = { [Id in CheckId]: Reader<Fact<Id>> };

export const checkIds = Object.keys(specs) as CheckId[];

/** The shape of every fact, by check. */
export type FactShapes = ReadonlyMap<string, z.ZodType>;

/** Whoever holds it spares making all of them anew, which takes 5 ms. */
export function factShapes(): FactShapes {
  return new Map(checkIds.map((id) => [id, specs[id].fact]));
}

export function isCheckId(value: string): value is CheckId {
  return Object.hasOwn(specs, value);
}

import type { CheckId } from '../../collectors/specs.ts';
import { agent } from './agent.ts';
import { antivirus } from './antivirus.ts';
import { detections } from './detections.ts';
import { diskEncryption } from './disk-encryption.ts';
import { firewall } from './firewall.ts';
import { l2tpServer } from './l2tp-server.ts';
import { osPatch } from './os-patch.ts';
import { osVersion } from './os-version.ts';
import { processes } from './processes.ts';
import type { Rule } from './rule.ts';
import { screenLock } from './screen-lock.ts';
import { secureBoot } from './secure-boot.ts';
import { tags } from './tags.ts';
import { vpnClient } from './vpn-client.ts';

/** One rule a check; forgetting one does not compile. */
export const rules = {
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
} satisfies { [Id in CheckId]: Rule<Id> };

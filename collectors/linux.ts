import { read as agent } from './agent/linux.ts';
import { read as antivirus } from './antivirus/linux.ts';
import { read as detections } from './detections/linux.ts';
import { read as diskEncryption } from './disk-encryption/linux.ts';
import { read as firewall } from './firewall/linux.ts';
import { read as l2tpServer } from './l2tp-server/linux.ts';
import { read as osPatch } from './os-patch/linux.ts';
import { read as osVersion } from './os-version/linux.ts';
import { read as processes } from './processes/linux.ts';
import { read as screenLock } from './screen-lock/linux.ts';
import { read as secureBoot } from './secure-boot/linux.ts';
import type { Readers } from './specs.ts';
import { read as tags } from './tags/linux.ts';
import { read as vpnClient } from './vpn-client/linux.ts';

/** What is really read on Linux. */
export const linux = {
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
} satisfies Readers;

import { read as agent } from './agent/macos.ts';
import { read as antivirus } from './antivirus/macos.ts';
import { read as detections } from './detections/macos.ts';
import { read as diskEncryption } from './disk-encryption/macos.ts';
import { read as firewall } from './firewall/macos.ts';
import { read as l2tpServer } from './l2tp-server/macos.ts';
import { read as osPatch } from './os-patch/macos.ts';
import { read as osVersion } from './os-version/macos.ts';
import { read as processes } from './processes/macos.ts';
import { read as screenLock } from './screen-lock/macos.ts';
import { read as secureBoot } from './secure-boot/macos.ts';
import type { Readers } from './specs.ts';
import { read as tags } from './tags/macos.ts';
import { read as vpnClient } from './vpn-client/macos.ts';

/** What is really read on macOS. */
export const macos = {
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

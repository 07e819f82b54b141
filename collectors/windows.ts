import { read as agent } from './agent/windows.ts';
import { read as antivirus } from './antivirus/windows.ts';
import { read as detections } from './detections/windows.ts';
import { read as diskEncryption } from './disk-encryption/windows.ts';
import { read as firewall } from './firewall/windows.ts';
import { read as l2tpServer } from './l2tp-server/windows.ts';
import { read as osPatch } from './os-patch/windows.ts';
import { read as osVersion } from './os-version/windows.ts';
import { read as screenLock } from './screen-lock/windows.ts';
import { read as secureBoot } from './secure-boot/windows.ts';
import { read as processes } from './processes/windows.ts';
import type { Readers } from './specs.ts';
import { read as tags } from './tags/windows.ts';
import { read as vpnClient } from './vpn-client/windows.ts';

/** What is really read on Windows. */
export const windows = {
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

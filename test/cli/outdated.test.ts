import { expect, test } from 'vitest';
import { outdatedAmong } from '../../src/cli/server-devices.ts';
import type { DeviceSummary } from '../../src/server/device-document.ts';

const device = (
  id: string,
  agentVersion: string | null,
  status: DeviceSummary['status'] = 'live',
): DeviceSummary => ({
  id,
  name: id,
  platform: 'linux',
  status,
  access: 'allow',
  risk: 'low',
  sentence: null,
  lastSeen: null,
  connected: false,
  agentVersion,
  alarms: [],
});

test('older agents, the oldest first; neither revoked ones nor those that never said', () => {
  const devices = [
    device('same', '0.10.0'),
    device('old', '0.9.5'),
    device('silent', null),
    device('oldest', '0.2.0'),
    device('gone', '0.1.0', 'revoked'),
    device('newer', '0.11.0'),
  ];
  expect(outdatedAmong(devices, '0.10.0').map(({ id }) => id)).toEqual(['oldest', 'old']);
  expect(outdatedAmong(devices, '0.1.0')).toEqual([]);
});

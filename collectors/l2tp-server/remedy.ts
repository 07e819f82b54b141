import type { Remedy } from '../check.ts';

export const l2tpServerRunning: Remedy = {
  title: 'This computer offers a VPN server to others',
  action: 'Turn off the VPN server on this computer',
  why: 'An L2TP server that nobody meant to run is a door into the network.',
  steps: {
    windows: ['Ask IT to turn off Routing and Remote Access on this computer.'],
    macos: ['Ask IT to turn off the VPN server on this Mac.'],
    linux: ['Ask IT, or stop and disable the L2TP server (xl2tpd, accel-ppp) as an administrator.'],
  },
};

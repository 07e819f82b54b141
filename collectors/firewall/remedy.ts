import type { Remedy } from '../check.ts';

export const firewallOff: Remedy = {
  title: 'Your firewall is off',
  why: 'Others on the same network can reach services on this computer.',
  steps: {
    windows: [
      'Open Windows Security, Firewall & network protection.',
      'Turn the firewall on for every network.',
    ],
    macos: ['Open System Settings, Network, Firewall.', 'Turn it on.'],
    linux: [
      'Turn on your distribution’s firewall (ufw or firewalld) with incoming connections denied by default.',
    ],
  },
};

export const firewallPartial: Remedy = {
  title: 'Your firewall covers only part of the network traffic',
  why: 'One kind of network, or IPv6, is open to others.',
  steps: {
    windows: [
      'Open Windows Security, Firewall & network protection.',
      'Turn the firewall on for Domain, Private and Public networks.',
    ],
    macos: ['Open System Settings, Network, Firewall, Options, and block incoming connections.'],
    linux: ['Deny incoming connections by default for IPv4 and for IPv6.'],
  },
};

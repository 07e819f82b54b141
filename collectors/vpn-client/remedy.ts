import type { Remedy } from '../check.ts';

export const vpnWithoutIpsec: Remedy = {
  title: 'A VPN connection on this computer is not encrypted',
  action: 'Use an encrypted VPN connection',
  why: 'L2TP without IPsec sends everything in clear text.',
  steps: {
    windows: ['Disconnect the VPN named below.', 'Ask IT for the company’s VPN profile.'],
    macos: ['Disconnect the VPN named below.', 'Ask IT for the company’s VPN profile.'],
    linux: [
      'Disconnect the VPN named below.',
      'Turn on IPsec in its settings, or ask IT for the company’s VPN profile.',
    ],
  },
};

export const vpnSecretsReadable: Remedy = {
  title: 'A VPN password or key can be read by other users of this computer',
  action: 'Have your VPN set up again',
  why: 'Whoever reads it can connect in your name.',
  steps: {
    windows: ['Ask IT to set up the VPN named below again.'],
    macos: ['Ask IT to set up the VPN named below again.'],
    linux: ['Ask IT to make the files of the VPN named below readable by root only.'],
  },
};

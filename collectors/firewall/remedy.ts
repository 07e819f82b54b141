import type { Remedy } from '../check.ts';

export const firewallOff: Remedy = {
  title: 'Your firewall is off',
  action: 'Turn on the firewall',
  why: 'Others on the same network can reach services on this computer.',
  steps: {
    windows: [
      'Open Windows Security, Firewall & network protection.',
      'Turn the firewall on for every network.',
    ],
    macos: ['Open System Settings, Network, Firewall.', 'Turn it on.'],
    'macos-12': [
      'Open System Preferences, Security & Privacy, Firewall.',
      'Click the lock and enter your password.',
      'Choose Turn On Firewall.',
    ],
    linux: [
      'Turn on your distribution’s firewall (ufw or firewalld) with incoming connections denied by default.',
    ],
    ubuntu: ['Open a terminal.', 'Enter “sudo ufw enable” and your password.'],
    debian: [
      'Open a terminal.',
      'Enter “sudo apt install ufw” and your password.',
      'Enter “sudo ufw enable”.',
    ],
    fedora: ['Open a terminal.', 'Enter “sudo systemctl enable --now firewalld” and your password.'],
    suse: ['Open a terminal.', 'Enter “sudo systemctl enable --now firewalld” and your password.'],
  },
};

export const firewallPartial: Remedy = {
  title: 'Your firewall covers only part of the network traffic',
  action: 'Turn on the firewall for every network',
  why: 'One kind of network, or IPv6, is open to others.',
  steps: {
    windows: [
      'Open Windows Security, Firewall & network protection.',
      'Turn the firewall on for Domain, Private and Public networks.',
    ],
    macos: ['Open System Settings, Network, Firewall, Options.', 'Turn on “Block all incoming connections”.'],
    'macos-12': [
      'Open System Preferences, Security & Privacy, Firewall, Firewall Options.',
      'Turn on “Block all incoming connections”.',
    ],
    linux: ['Deny incoming connections by default for IPv4 and for IPv6.'],
  },
};

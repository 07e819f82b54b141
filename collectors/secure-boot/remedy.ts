import type { Remedy } from '../check.ts';

export const secureBootOff: Remedy = {
  title: 'Secure Boot is off',
  action: 'Have Secure Boot turned on',
  why: 'Malware could start before the operating system and hide from it.',
  steps: {
    windows: ['Ask IT: Secure Boot is turned on in the firmware settings before Windows starts.'],
    macos: ['Start in Recovery, open Startup Security Utility and choose Full Security, or ask IT.'],
    linux: ['Ask IT: Secure Boot is turned on in the firmware settings before the system starts.'],
  },
};

export const sipOff: Remedy = {
  title: 'System Integrity Protection is off',
  action: 'Turn System Integrity Protection back on',
  why: 'Programs can change parts of macOS that should never change.',
  steps: {
    windows: ['This concerns Macs only.'],
    macos: ['Start in Recovery, open Terminal and enter “csrutil enable”, then restart; or ask IT.'],
    linux: ['This concerns Macs only.'],
  },
};

import type { Remedy } from '../check.ts';

export const osEndOfLife: Remedy = {
  title: 'Your operating system no longer gets security updates',
  action: 'Move to a supported version of your system',
  why: 'Holes that become known from now on stay open on this computer.',
  steps: {
    windows: [
      'Open Settings, then Windows Update.',
      'Choose the newest version that is offered and install it.',
    ],
    macos: [
      'Open System Settings, General, Software Update.',
      'Choose Upgrade Now for the newest macOS offered.',
    ],
    'macos-12': [
      'Open System Preferences, Software Update.',
      'Choose Upgrade Now for the newest macOS offered.',
    ],
    linux: [
      'Save your work.',
      'Upgrade to a supported release with your distribution’s own upgrade tool, or ask IT for it.',
    ],
  },
};

export const osTooOld: Remedy = {
  title: 'Your operating system is older than your company allows',
  action: 'Install the newer version of your system',
  why: 'The company’s policy names a newer version as the minimum.',
  steps: {
    windows: ['Open Settings, then Windows Update.', 'Install what is offered, then restart.'],
    macos: ['Open System Settings, General, Software Update.', 'Install what is offered, then restart.'],
    linux: ['Install the newer release with your distribution’s own upgrade tool, or ask IT for it.'],
  },
};

export const osBehind: Remedy = {
  title: 'Your operating system lacks a release that has been out for a while',
  patience: { afterMinutes: 60, unless: ['patch-security-pending', 'patch-behind'] },
  action: 'Install the newest release of your system',
  why: 'What a release mends is publicly known from the day on which it comes out.',
  steps: {
    windows: ['Open Settings, then Windows Update.', 'Install what is offered, then restart.'],
    macos: ['Open System Settings, General, Software Update.', 'Choose Update Now.'],
    linux: ['Install all updates with your software updater, then restart.'],
  },
};

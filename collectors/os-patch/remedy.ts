import type { Remedy } from '../check.ts';

export const patchSecurityPending: Remedy = {
  title: 'Security updates are waiting',
  patience: { unless: ['os-end-of-life', 'os-too-old'] },
  action: 'Install the waiting security updates',
  why: 'They close holes that are publicly known.',
  steps: {
    windows: ['Open Settings, then Windows Update.', 'Choose Install all, then restart when asked.'],
    'windows-10': [
      'Open Settings, Update & Security, Windows Update.',
      'Choose Download or Install now, then restart when asked.',
    ],
    macos: ['Open System Settings, General, Software Update.', 'Choose Update Now.'],
    'macos-12': ['Open System Preferences, Software Update.', 'Choose Update Now.'],
    linux: [
      'Open your software updater and install all updates, or run your package manager’s upgrade as an administrator.',
    ],
    ubuntu: [
      'Open Software Updater.',
      'Choose Install Now and enter your password.',
      'Restart if you are asked to.',
    ],
    debian: [
      'Open a terminal.',
      'Enter “sudo apt update” and your password.',
      'Enter “sudo apt full-upgrade” and confirm.',
    ],
    fedora: ['Open Software and choose Updates.', 'Choose Restart & Update, or Download first.'],
    suse: ['Open a terminal.', 'Enter “sudo zypper patch” and your password.', 'Confirm with “y”.'],
  },
};

export const patchStale: Remedy = {
  title: 'Your computer has not looked for updates lately',
  patience: { unless: ['patch-security-pending', 'os-end-of-life', 'os-too-old'] },
  action: 'Look for updates',
  why: 'Without a fresh look nobody can say whether security updates are missing.',
  steps: {
    windows: ['Open Settings, then Windows Update.', 'Choose Check for updates.'],
    'windows-10': ['Open Settings, Update & Security, Windows Update.', 'Choose Check for updates.'],
    macos: ['Open System Settings, General, Software Update, and wait until the check ends.'],
    'macos-12': ['Open System Preferences, Software Update, and wait until the check ends.'],
    linux: [
      'Let your package manager refresh its lists (for example “apt update”), then install what is offered.',
    ],
  },
};

export const patchReboot: Remedy = {
  title: 'A restart is due',
  patience: { afterMinutes: 60, unless: ['patch-security-pending'] },
  action: 'Restart the computer',
  why: 'Updates are installed but take effect only after a restart.',
  steps: {
    windows: ['Save your work.', 'Choose Start, Power, Update and restart.'],
    macos: ['Save your work.', 'Choose Restart in the Apple menu.'],
    linux: ['Save your work.', 'Restart the computer.'],
  },
};

export const patchBehind: Remedy = {
  title: 'An update that has been out for a while is missing',
  patience: { unless: ['patch-security-pending', 'os-end-of-life', 'os-too-old'] },
  action: 'Install the missing update',
  why: 'What an update mends is publicly known from the day on which it comes out.',
  steps: {
    windows: ['Open Settings, then Windows Update.', 'Choose Install all, then restart when asked.'],
    'windows-10': [
      'Open Settings, Update & Security, Windows Update.',
      'Choose Download or Install now, then restart when asked.',
    ],
    macos: ['Open System Settings, General, Software Update.', 'Choose Update Now.'],
    'macos-12': ['Open System Preferences, Software Update.', 'Choose Update Now.'],
    linux: ['Open your software updater and install all updates.'],
  },
};

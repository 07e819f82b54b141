import type { Remedy } from '../check.ts';

export const diskPlain: Remedy = {
  title: 'Your disk is not encrypted',
  action: 'Turn on disk encryption',
  why: 'Whoever finds or steals this computer can read everything on it.',
  steps: {
    windows: [
      'Open Settings, Privacy & security, Device encryption (or “Manage BitLocker”).',
      'Turn it on and keep the computer plugged in.',
    ],
    'windows-10': [
      'Open Settings, Update & Security, Device encryption (or “Manage BitLocker”).',
      'Turn it on and keep the computer plugged in.',
    ],
    macos: ['Open System Settings, Privacy & Security, FileVault.', 'Choose Turn On and follow the steps.'],
    'macos-12': [
      'Open System Preferences, Security & Privacy, FileVault.',
      'Click the lock and enter your password.',
      'Choose Turn On FileVault and follow the steps.',
    ],
    linux: [
      'Disk encryption is set up when the system is installed. Ask IT to reinstall this computer with it.',
    ],
  },
};

export const diskUnprotected: Remedy = {
  title: 'Disk encryption is suspended',
  action: 'Resume disk encryption',
  why: 'The disk is encrypted, but the key lies beside it in the clear.',
  steps: {
    windows: ['Open “Manage BitLocker”.', 'Choose Resume protection.'],
    macos: ['Open System Settings, Privacy & Security, FileVault, and turn it on again.'],
    'macos-12': ['Open System Preferences, Security & Privacy, FileVault, and turn it on again.'],
    linux: ['Ask IT to enrol a passphrase or TPM key and to remove the plain key file.'],
  },
};

export const diskConverting: Remedy = {
  title: 'Your disk is still being encrypted',
  patience: { afterMinutes: 24 * 60 },
  action: 'Keep the computer on until encryption is done',
  why: 'Until it is finished, part of the disk can be read by anyone who has it.',
  steps: {
    windows: ['Keep the computer plugged in and switched on until BitLocker has finished.'],
    macos: ['Keep the Mac plugged in and awake until FileVault has finished.'],
    linux: ['Keep the computer switched on until re-encryption has finished.'],
  },
};

export const diskMixed: Remedy = {
  title: 'Part of your disk is not encrypted',
  action: 'Encrypt the rest of your disk',
  why: 'Your files, or memory written to swap, can be read from the part that is in the clear.',
  steps: {
    windows: ['Open “Manage BitLocker” and turn it on for every fixed drive.'],
    macos: [
      'Open Disk Utility and encrypt the volumes that are named below, or move their files to the startup disk.',
    ],
    linux: ['Ask IT to encrypt the volumes that are named below; swap can be set up again encrypted.'],
  },
};

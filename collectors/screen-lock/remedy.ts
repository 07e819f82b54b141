import type { Remedy } from '../check.ts';

export const lockOff: Remedy = {
  title: 'Your screen does not lock by itself',
  action: 'Let the screen lock by itself',
  why: 'Anyone who passes an unattended computer can use it as you.',
  steps: {
    windows: [
      'Open Settings, Personalisation, Lock screen, Screen saver.',
      'Choose a wait time and “On resume, display logon screen”.',
    ],
    macos: [
      'Open System Settings, Lock Screen.',
      'Set “Require password after screen saver begins or display is turned off”.',
    ],
    'macos-12': [
      'Open System Preferences, Security & Privacy, General.',
      'Turn on “Require password … after sleep or screen saver begins” and choose immediately.',
      'Open Desktop & Screen Saver, Screen Saver, and choose a time.',
    ],
    linux: ['Open Settings, Privacy, Screen Lock.', 'Turn on Automatic Screen Lock.'],
    gnome: [
      'Open Settings, Privacy & Security, Screen Lock (older versions: Privacy, Screen).',
      'Turn on Automatic Screen Lock.',
      'Choose a time for Blank Screen Delay.',
    ],
    kde: [
      'Open System Settings, Security & Privacy, Screen Locking.',
      'Turn on “Lock screen automatically” and choose a time.',
      'Choose Apply.',
    ],
  },
};

export const lockSlow: Remedy = {
  title: 'Your screen locks too late',
  action: 'Let the screen lock sooner',
  why: 'An unattended computer stays open longer than your company allows.',
  steps: {
    windows: ['Open Settings, Personalisation, Lock screen, Screen saver.', 'Choose a shorter wait time.'],
    macos: ['Open System Settings, Lock Screen.', 'Choose shorter times.'],
    'macos-12': [
      'Open System Preferences, Desktop & Screen Saver, Screen Saver.',
      'Choose a shorter time.',
      'Open Security & Privacy, General, and require the password immediately.',
    ],
    linux: ['Open Settings, Privacy, Screen Lock.', 'Choose a shorter delay.'],
    gnome: [
      'Open Settings, Privacy & Security, Screen Lock (older versions: Privacy, Screen).',
      'Choose a shorter Blank Screen Delay, and no delay for Automatic Screen Lock.',
    ],
    kde: [
      'Open System Settings, Security & Privacy, Screen Locking.',
      'Choose a shorter time and no delay before the password.',
      'Choose Apply.',
    ],
  },
};

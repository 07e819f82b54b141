import type { Remedy } from '../check.ts';

export const lockOff: Remedy = {
  title: 'Your screen does not lock by itself',
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
    linux: ['Open Settings, Privacy, Screen Lock.', 'Turn on Automatic Screen Lock.'],
  },
};

export const lockSlow: Remedy = {
  title: 'Your screen locks too late',
  why: 'An unattended computer stays open longer than your company allows.',
  steps: {
    windows: ['Open Settings, Personalisation, Lock screen, Screen saver.', 'Choose a shorter wait time.'],
    macos: ['Open System Settings, Lock Screen.', 'Choose shorter times.'],
    linux: ['Open Settings, Privacy, Screen Lock.', 'Choose a shorter delay.'],
  },
};

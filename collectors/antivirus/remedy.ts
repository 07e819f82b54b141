import type { Remedy } from '../check.ts';

export const avMissing: Remedy = {
  title: 'No antivirus was found',
  action: 'Install your company’s antivirus',
  why: 'Your company asks for one on every computer.',
  steps: {
    windows: ['Open Windows Security, Virus & threat protection, and turn Microsoft Defender on.'],
    macos: ['Install the antivirus that your company provides, or ask IT for it.'],
    linux: ['Install the antivirus that your company provides, or ask IT for it.'],
  },
};

export const avInactive: Remedy = {
  title: 'Your antivirus is not protecting',
  patience: { afterMinutes: 10 },
  action: 'Turn on your antivirus',
  why: 'It is installed, but nothing is scanned while you work.',
  steps: {
    windows: ['Open Windows Security, Virus & threat protection.', 'Turn on Real-time protection.'],
    macos: [
      'Open your antivirus and turn protection on.',
      'If macOS asks, allow it in System Settings, Privacy & Security.',
    ],
    linux: ['Start the antivirus service, or ask IT to.'],
  },
};

export const avOutdated: Remedy = {
  title: 'Your antivirus definitions are old',
  patience: { afterMinutes: 60, unless: ['av-inactive'] },
  action: 'Update your antivirus',
  why: 'It does not know the newest malware.',
  steps: {
    windows: [
      'Open Windows Security, Virus & threat protection, Protection updates.',
      'Choose Check for updates.',
    ],
    macos: ['Open your antivirus and choose Update.'],
    linux: ['Update the antivirus definitions, or ask IT why they do not arrive.'],
  },
};

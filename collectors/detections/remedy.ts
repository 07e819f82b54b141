import type { Remedy } from '../check.ts';

export const detectionOpen: Remedy = {
  title: 'Your antivirus found something that is not cleaned up',
  patience: { unless: ['detection-severe', 'signal-high'] },
  action: 'Clean up what your antivirus found',
  why: 'Until it is gone it could spread over the company’s network.',
  steps: {
    windows: [
      'Open Windows Security, Virus & threat protection, Protection history.',
      'Choose the recommended action for each entry.',
    ],
    macos: ['Open your antivirus and choose the recommended action for each entry.'],
    linux: ['Open your antivirus’ report and remove what it found, or ask IT to.'],
  },
};

export const detectionSevere: Remedy = {
  title: 'Dangerous malware was found on this computer',
  patience: { afterMinutes: 0 },
  action: 'Stop and call IT',
  why: 'It may still be active, so the VPN stays closed until IT has looked at it.',
  steps: {
    windows: ['Save your work and stop using the computer for company matters.', 'Call IT.'],
    macos: ['Save your work and stop using the Mac for company matters.', 'Call IT.'],
    linux: ['Save your work and stop using the computer for company matters.', 'Call IT.'],
  },
};

export const signalHigh: Remedy = {
  title: 'Your company’s security team was alerted about this computer',
  patience: { afterMinutes: 0 },
  action: 'Stop and call IT',
  why: 'Until they have closed the alert, the VPN stays closed for this computer.',
  steps: {
    windows: ['Save your work and stop using the computer for company matters.', 'Call IT.'],
    macos: ['Save your work and stop using the Mac for company matters.', 'Call IT.'],
    linux: ['Save your work and stop using the computer for company matters.', 'Call IT.'],
  },
};

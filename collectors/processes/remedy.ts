import type { Remedy } from '../check.ts';

export const processWatched: Remedy = {
  title: 'A program is running that your company does not allow',
  patience: { afterMinutes: 10 },
  action: 'Close the program that is named below',
  why: 'Your company’s policy names it.',
  steps: {
    windows: ['Close the program named below.'],
    macos: ['Quit the program named below.'],
    linux: ['Close the program named below.'],
  },
};

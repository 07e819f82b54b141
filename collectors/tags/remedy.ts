import type { Remedy } from '../check.ts';

export const tagNotMet: Remedy = {
  title: 'This computer does not meet one of your company’s own rules',
  action: 'Ask IT about your company’s rule',
  why: 'Your company’s policy asks for it.',
  steps: {
    windows: ['Ask IT about the rule named below.'],
    macos: ['Ask IT about the rule named below.'],
    linux: ['Ask IT about the rule named below.'],
  },
};

export const expressionNotMet: Remedy = {
  title: 'This computer does not meet one of your company’s own rules',
  action: 'Ask IT about your company’s rule',
  why: 'Your company’s policy asks for it.',
  steps: {
    windows: ['Ask IT about the rule named below.'],
    macos: ['Ask IT about the rule named below.'],
    linux: ['Ask IT about the rule named below.'],
  },
};

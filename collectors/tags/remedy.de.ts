import type { Remedy } from '../check.ts';

export const tagsDe = {
  'tag-not-met': {
    title: 'Dieser Computer erfüllt eine Regel Ihrer Firma nicht',
    action: 'Die IT nach der Regel Ihrer Firma fragen',
    why: 'Die Vorgaben Ihrer Firma verlangen es.',
    steps: {
      windows: ['Fragen Sie die IT nach der unten genannten Regel.'],
      macos: ['Fragen Sie die IT nach der unten genannten Regel.'],
      linux: ['Fragen Sie die IT nach der unten genannten Regel.'],
    },
  },
  'expression-not-met': {
    title: 'Dieser Computer erfüllt eine Regel Ihrer Firma nicht',
    action: 'Die IT nach der Regel Ihrer Firma fragen',
    why: 'Die Vorgaben Ihrer Firma verlangen es.',
    steps: {
      windows: ['Fragen Sie die IT nach der unten genannten Regel.'],
      macos: ['Fragen Sie die IT nach der unten genannten Regel.'],
      linux: ['Fragen Sie die IT nach der unten genannten Regel.'],
    },
  },
} satisfies Record<string, Remedy>;

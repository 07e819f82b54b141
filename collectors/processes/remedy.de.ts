import type { Remedy } from '../check.ts';

export const processesDe = {
  'process-watched': {
    title: 'Es läuft ein Programm, das Ihre Firma nicht erlaubt',
    action: 'Das unten genannte Programm schließen',
    why: 'Die Vorgaben Ihrer Firma nennen es.',
    steps: {
      windows: ['Schließen Sie das unten genannte Programm.'],
      macos: ['Beenden Sie das unten genannte Programm.'],
      linux: ['Schließen Sie das unten genannte Programm.'],
    },
  },
} satisfies Record<string, Remedy>;

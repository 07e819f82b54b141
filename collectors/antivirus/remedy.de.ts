import type { Remedy } from '../check.ts';

export const antivirusDe = {
  'av-missing': {
    title: 'Es wurde kein Virenschutz gefunden',
    action: 'Virenschutz Ihrer Firma installieren',
    why: 'Ihre Firma verlangt ihn auf jedem Computer.',
    steps: {
      windows: [
        'Öffnen Sie Windows-Sicherheit, Viren- & Bedrohungsschutz, und schalten Sie Microsoft Defender ein.',
      ],
      macos: ['Installieren Sie den Virenschutz Ihrer Firma, oder bitten Sie die IT darum.'],
      linux: ['Installieren Sie den Virenschutz Ihrer Firma, oder bitten Sie die IT darum.'],
    },
  },
  'av-inactive': {
    title: 'Ihr Virenschutz schützt nicht',
    action: 'Virenschutz einschalten',
    why: 'Er ist installiert, prüft aber nichts, während Sie arbeiten.',
    steps: {
      windows: [
        'Öffnen Sie Windows-Sicherheit, Viren- & Bedrohungsschutz.',
        'Schalten Sie den Echtzeitschutz ein.',
      ],
      macos: [
        'Öffnen Sie Ihren Virenschutz und schalten Sie ihn ein.',
        'Fragt macOS nach, erlauben Sie es unter Systemeinstellungen, Datenschutz & Sicherheit.',
      ],
      linux: ['Starten Sie den Dienst des Virenschutzes, oder bitten Sie die IT darum.'],
    },
  },
  'av-outdated': {
    title: 'Ihr Virenschutz ist nicht auf dem neuesten Stand',
    action: 'Virenschutz aktualisieren',
    why: 'Neueste Schadsoftware kennt er nicht.',
    steps: {
      windows: [
        'Öffnen Sie Windows-Sicherheit, Viren- & Bedrohungsschutz, Schutzupdates.',
        'Wählen Sie „Nach Updates suchen“.',
      ],
      macos: ['Öffnen Sie Ihren Virenschutz und wählen Sie „Aktualisieren“.'],
      linux: ['Aktualisieren Sie die Virensignaturen, oder fragen Sie die IT, warum sie ausbleiben.'],
    },
  },
} satisfies Record<string, Remedy>;

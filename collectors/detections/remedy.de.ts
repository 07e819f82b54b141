import type { Remedy } from '../check.ts';

export const detectionsDe = {
  'detection-open': {
    title: 'Ihr Virenschutz hat etwas gefunden, das nicht beseitigt ist',
    action: 'Beseitigen, was der Virenschutz gefunden hat',
    why: 'Bis es weg ist, könnte es sich im Firmennetz ausbreiten.',
    steps: {
      windows: [
        'Öffnen Sie Windows-Sicherheit, Viren- & Bedrohungsschutz, Schutzverlauf.',
        'Wählen Sie für jeden Eintrag die empfohlene Aktion.',
      ],
      macos: ['Öffnen Sie Ihren Virenschutz und wählen Sie für jeden Eintrag die empfohlene Aktion.'],
      linux: [
        'Öffnen Sie den Bericht Ihres Virenschutzes und entfernen Sie, was er gefunden hat, oder bitten Sie die IT darum.',
      ],
    },
  },
  'detection-severe': {
    title: 'Auf diesem Computer wurde gefährliche Schadsoftware gefunden',
    action: 'Aufhören und die IT anrufen',
    why: 'Sie könnte noch aktiv sein; das VPN bleibt zu, bis die IT nachgesehen hat.',
    steps: {
      windows: [
        'Speichern Sie Ihre Arbeit und nutzen Sie den Computer nicht mehr für die Firma.',
        'Rufen Sie die IT an.',
      ],
      macos: [
        'Speichern Sie Ihre Arbeit und nutzen Sie den Mac nicht mehr für die Firma.',
        'Rufen Sie die IT an.',
      ],
      linux: [
        'Speichern Sie Ihre Arbeit und nutzen Sie den Computer nicht mehr für die Firma.',
        'Rufen Sie die IT an.',
      ],
    },
  },
  'signal-high': {
    title: 'Das Sicherheitsteam Ihrer Firma hat zu diesem Computer eine Warnung erhalten',
    action: 'Aufhören und die IT anrufen',
    why: 'Bis sie geklärt ist, bleibt das VPN für diesen Computer zu.',
    steps: {
      windows: [
        'Speichern Sie Ihre Arbeit und nutzen Sie den Computer nicht mehr für die Firma.',
        'Rufen Sie die IT an.',
      ],
      macos: [
        'Speichern Sie Ihre Arbeit und nutzen Sie den Mac nicht mehr für die Firma.',
        'Rufen Sie die IT an.',
      ],
      linux: [
        'Speichern Sie Ihre Arbeit und nutzen Sie den Computer nicht mehr für die Firma.',
        'Rufen Sie die IT an.',
      ],
    },
  },
} satisfies Record<string, Remedy>;

import type { Remedy } from '../check.ts';

export const osVersionDe = {
  'os-end-of-life': {
    title: 'Ihr Betriebssystem bekommt keine Sicherheitsupdates mehr',
    action: 'Auf eine unterstützte Version wechseln',
    why: 'Lücken, die ab jetzt bekannt werden, bleiben auf diesem Computer offen.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, dann Windows Update.',
        'Wählen Sie die neueste Version, die angeboten wird, und installieren Sie sie.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Allgemein, Softwareupdate.',
        'Wählen Sie „Jetzt aktualisieren“ für das neueste angebotene macOS.',
      ],
      'macos-12': [
        'Öffnen Sie Systemeinstellungen, Softwareupdate.',
        'Wählen Sie „Jetzt aktualisieren“ für das neueste angebotene macOS.',
      ],
      linux: [
        'Speichern Sie Ihre Arbeit.',
        'Wechseln Sie mit dem Werkzeug Ihrer Distribution auf eine unterstützte Version, oder bitten Sie die IT darum.',
      ],
    },
  },
  'os-too-old': {
    title: 'Ihr Betriebssystem ist älter, als Ihre Firma erlaubt',
    action: 'Neuere Version des Systems installieren',
    why: 'Die Vorgaben der Firma nennen eine neuere Version als Mindestes.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, dann Windows Update.',
        'Installieren Sie, was angeboten wird, und starten Sie neu.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Allgemein, Softwareupdate.',
        'Installieren Sie, was angeboten wird, und starten Sie neu.',
      ],
      linux: [
        'Installieren Sie die neuere Version mit dem Werkzeug Ihrer Distribution, oder bitten Sie die IT darum.',
      ],
    },
  },
  'os-behind': {
    title: 'Ihrem Betriebssystem fehlt eine Version, die schon länger erschienen ist',
    action: 'Neueste Version des Systems installieren',
    why: 'Was eine Version behebt, ist vom Tag ihres Erscheinens an öffentlich bekannt.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, dann Windows Update.',
        'Installieren Sie, was angeboten wird, und starten Sie neu.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Allgemein, Softwareupdate.',
        'Wählen Sie „Jetzt aktualisieren“.',
      ],
      linux: ['Installieren Sie alle Updates mit Ihrer Softwareaktualisierung, und starten Sie neu.'],
    },
  },
} satisfies Record<string, Remedy>;

import type { Remedy } from '../check.ts';

export const osPatchDe = {
  'patch-security-pending': {
    title: 'Sicherheitsupdates stehen aus',
    action: 'Ausstehende Sicherheitsupdates installieren',
    why: 'Sie schließen Lücken, die öffentlich bekannt sind.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, dann Windows Update.',
        'Wählen Sie „Alle installieren“, und starten Sie neu, wenn Sie gefragt werden.',
      ],
      'windows-10': [
        'Öffnen Sie Einstellungen, Update und Sicherheit, Windows Update.',
        'Wählen Sie „Herunterladen“ oder „Jetzt installieren“, und starten Sie neu, wenn Sie gefragt werden.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Allgemein, Softwareupdate.',
        'Wählen Sie „Jetzt aktualisieren“.',
      ],
      'macos-12': ['Öffnen Sie Systemeinstellungen, Softwareupdate.', 'Wählen Sie „Jetzt aktualisieren“.'],
      linux: [
        'Öffnen Sie Ihre Softwareaktualisierung und installieren Sie alle Updates, oder führen Sie das Upgrade Ihrer Paketverwaltung als Administrator aus.',
      ],
      ubuntu: [
        'Öffnen Sie die Aktualisierungsverwaltung.',
        'Wählen Sie „Jetzt installieren“ und geben Sie Ihr Kennwort ein.',
        'Starten Sie neu, wenn Sie darum gebeten werden.',
      ],
      debian: [
        'Öffnen Sie ein Terminal.',
        'Geben Sie „sudo apt update“ und Ihr Kennwort ein.',
        'Geben Sie „sudo apt full-upgrade“ ein und bestätigen Sie.',
      ],
      fedora: [
        'Öffnen Sie Software und wählen Sie Aktualisierungen.',
        'Wählen Sie „Neu starten & aktualisieren“, oder erst „Herunterladen“.',
      ],
      suse: [
        'Öffnen Sie ein Terminal.',
        'Geben Sie „sudo zypper patch“ und Ihr Kennwort ein.',
        'Bestätigen Sie mit „j“.',
      ],
    },
  },
  'patch-stale': {
    title: 'Ihr Computer hat länger nicht nach Updates gesehen',
    action: 'Nach Updates suchen',
    why: 'Ohne neuen Blick weiß niemand, ob Sicherheitsupdates fehlen.',
    steps: {
      windows: ['Öffnen Sie Einstellungen, dann Windows Update.', 'Wählen Sie „Nach Updates suchen“.'],
      'windows-10': [
        'Öffnen Sie Einstellungen, Update und Sicherheit, Windows Update.',
        'Wählen Sie „Nach Updates suchen“.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Allgemein, Softwareupdate, und warten Sie, bis die Suche endet.',
      ],
      'macos-12': ['Öffnen Sie Systemeinstellungen, Softwareupdate, und warten Sie, bis die Suche endet.'],
      linux: [
        'Lassen Sie Ihre Paketverwaltung ihre Listen erneuern (zum Beispiel „apt update“), und installieren Sie, was angeboten wird.',
      ],
    },
  },
  'patch-reboot': {
    title: 'Ein Neustart steht aus',
    action: 'Computer neu starten',
    why: 'Updates sind installiert, wirken aber erst nach einem Neustart.',
    steps: {
      windows: ['Speichern Sie Ihre Arbeit.', 'Wählen Sie Start, Ein/Aus, „Aktualisieren und neu starten“.'],
      macos: ['Speichern Sie Ihre Arbeit.', 'Wählen Sie „Neustart“ im Apple-Menü.'],
      linux: ['Speichern Sie Ihre Arbeit.', 'Starten Sie den Computer neu.'],
    },
  },
  'patch-behind': {
    title: 'Ein Update fehlt, das schon länger erschienen ist',
    action: 'Fehlendes Update installieren',
    why: 'Was ein Update behebt, ist vom Tag seines Erscheinens an öffentlich bekannt.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, dann Windows Update.',
        'Wählen Sie „Alle installieren“, und starten Sie neu, wenn Sie gefragt werden.',
      ],
      'windows-10': [
        'Öffnen Sie Einstellungen, Update und Sicherheit, Windows Update.',
        'Wählen Sie „Herunterladen“ oder „Jetzt installieren“, und starten Sie neu, wenn Sie gefragt werden.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Allgemein, Softwareupdate.',
        'Wählen Sie „Jetzt aktualisieren“.',
      ],
      'macos-12': ['Öffnen Sie Systemeinstellungen, Softwareupdate.', 'Wählen Sie „Jetzt aktualisieren“.'],
      linux: ['Öffnen Sie Ihre Softwareaktualisierung und installieren Sie alle Updates.'],
    },
  },
} satisfies Record<string, Remedy>;

import type { Remedy } from '../check.ts';

export const screenLockDe = {
  'lock-off': {
    title: 'Ihr Bildschirm sperrt sich nicht von selbst',
    action: 'Bildschirm von selbst sperren lassen',
    why: 'Wer an einem unbeaufsichtigten Computer vorbeikommt, kann ihn in Ihrem Namen benutzen.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, Personalisierung, Sperrbildschirm, Bildschirmschoner.',
        'Wählen Sie eine Wartezeit und „Anmeldeseite bei Reaktivierung“.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Sperrbildschirm.',
        'Stellen Sie „Passwort anfordern nach Beginn des Bildschirmschoners oder Ausschalten des Displays“ ein.',
      ],
      'macos-12': [
        'Öffnen Sie Systemeinstellungen, Sicherheit, Allgemein.',
        'Schalten Sie „Passwort erforderlich … nach Beginn des Ruhezustands oder Bildschirmschoners“ ein und wählen Sie „sofort“.',
        'Öffnen Sie Schreibtisch & Bildschirmschoner, Bildschirmschoner, und wählen Sie eine Zeit.',
      ],
      linux: [
        'Öffnen Sie Einstellungen, Datenschutz, Bildschirmsperre.',
        'Schalten Sie die automatische Bildschirmsperre ein.',
      ],
      gnome: [
        'Öffnen Sie Einstellungen, Datenschutz und Sicherheit, Bildschirmsperre (ältere Versionen: Datenschutz, Bildschirm).',
        'Schalten Sie die automatische Bildschirmsperre ein.',
        'Wählen Sie eine Zeit bis zum Abdunkeln.',
      ],
      kde: [
        'Öffnen Sie Systemeinstellungen, Sicherheit & Privatsphäre, Bildschirmsperre.',
        'Schalten Sie „Bildschirm automatisch sperren“ ein und wählen Sie eine Zeit.',
        'Wählen Sie „Anwenden“.',
      ],
    },
  },
  'lock-slow': {
    title: 'Ihr Bildschirm sperrt sich zu spät',
    action: 'Bildschirm früher sperren lassen',
    why: 'Ein unbeaufsichtigter Computer bleibt länger offen, als Ihre Firma erlaubt.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, Personalisierung, Sperrbildschirm, Bildschirmschoner.',
        'Wählen Sie eine kürzere Wartezeit.',
      ],
      macos: ['Öffnen Sie Systemeinstellungen, Sperrbildschirm.', 'Wählen Sie kürzere Zeiten.'],
      'macos-12': [
        'Öffnen Sie Systemeinstellungen, Schreibtisch & Bildschirmschoner, Bildschirmschoner.',
        'Wählen Sie eine kürzere Zeit.',
        'Öffnen Sie Sicherheit, Allgemein, und verlangen Sie das Kennwort sofort.',
      ],
      linux: ['Öffnen Sie Einstellungen, Datenschutz, Bildschirmsperre.', 'Wählen Sie eine kürzere Zeit.'],
      gnome: [
        'Öffnen Sie Einstellungen, Datenschutz und Sicherheit, Bildschirmsperre (ältere Versionen: Datenschutz, Bildschirm).',
        'Wählen Sie eine kürzere Zeit bis zum Abdunkeln und keine Verzögerung der Sperre.',
      ],
      kde: [
        'Öffnen Sie Systemeinstellungen, Sicherheit & Privatsphäre, Bildschirmsperre.',
        'Wählen Sie eine kürzere Zeit und keine Verzögerung vor dem Kennwort.',
        'Wählen Sie „Anwenden“.',
      ],
    },
  },
} satisfies Record<string, Remedy>;

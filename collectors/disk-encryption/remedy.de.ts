import type { Remedy } from '../check.ts';

export const diskEncryptionDe = {
  'disk-plain': {
    title: 'Ihre Festplatte ist nicht verschlüsselt',
    action: 'Festplattenverschlüsselung einschalten',
    why: 'Wer diesen Computer findet oder stiehlt, kann alles darauf lesen.',
    steps: {
      windows: [
        'Öffnen Sie Einstellungen, Datenschutz und Sicherheit, Geräteverschlüsselung (oder „BitLocker verwalten“).',
        'Schalten Sie sie ein und lassen Sie den Computer am Netzteil.',
      ],
      'windows-10': [
        'Öffnen Sie Einstellungen, Update und Sicherheit, Geräteverschlüsselung (oder „BitLocker verwalten“).',
        'Schalten Sie sie ein und lassen Sie den Computer am Netzteil.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Datenschutz & Sicherheit, FileVault.',
        'Wählen Sie „Aktivieren“ und folgen Sie den Schritten.',
      ],
      'macos-12': [
        'Öffnen Sie Systemeinstellungen, Sicherheit, FileVault.',
        'Klicken Sie auf das Schloss und geben Sie Ihr Kennwort ein.',
        'Wählen Sie „FileVault aktivieren“ und folgen Sie den Schritten.',
      ],
      linux: [
        'Die Verschlüsselung wird bei der Installation des Systems eingerichtet. Bitten Sie die IT, diesen Computer damit neu zu installieren.',
      ],
    },
  },
  'disk-unprotected': {
    title: 'Die Festplattenverschlüsselung ist angehalten',
    action: 'Festplattenverschlüsselung fortsetzen',
    why: 'Die Festplatte ist verschlüsselt, aber der Schlüssel liegt offen daneben.',
    steps: {
      windows: ['Öffnen Sie „BitLocker verwalten“.', 'Wählen Sie „Schutz fortsetzen“.'],
      macos: [
        'Öffnen Sie Systemeinstellungen, Datenschutz & Sicherheit, FileVault, und schalten Sie es wieder ein.',
      ],
      'macos-12': ['Öffnen Sie Systemeinstellungen, Sicherheit, FileVault, und schalten Sie es wieder ein.'],
      linux: [
        'Bitten Sie die IT, ein Kennwort oder einen TPM-Schlüssel einzurichten und die offene Schlüsseldatei zu entfernen.',
      ],
    },
  },
  'disk-converting': {
    title: 'Ihre Festplatte wird noch verschlüsselt',
    action: 'Computer anlassen, bis die Verschlüsselung fertig ist',
    why: 'Bis dahin kann einen Teil davon jeder lesen, der sie hat.',
    steps: {
      windows: ['Lassen Sie den Computer am Netzteil und eingeschaltet, bis BitLocker fertig ist.'],
      macos: ['Lassen Sie den Mac am Netzteil und wach, bis FileVault fertig ist.'],
      linux: ['Lassen Sie den Computer eingeschaltet, bis die Verschlüsselung fertig ist.'],
    },
  },
  'disk-mixed': {
    title: 'Ein Teil Ihrer Festplatte ist nicht verschlüsselt',
    action: 'Den Rest der Festplatte verschlüsseln',
    why: 'Ihre Dateien oder ausgelagerter Speicher lassen sich aus dem offenen Teil lesen.',
    steps: {
      windows: [
        'Öffnen Sie „BitLocker verwalten“ und schalten Sie es für jedes fest eingebaute Laufwerk ein.',
      ],
      macos: [
        'Öffnen Sie das Festplattendienstprogramm und verschlüsseln Sie die Volumes, die unten genannt sind, oder verschieben Sie deren Dateien auf das Startvolume.',
      ],
      linux: [
        'Bitten Sie die IT, die Volumes zu verschlüsseln, die unten genannt sind; Auslagerungsspeicher lässt sich verschlüsselt neu einrichten.',
      ],
    },
  },
} satisfies Record<string, Remedy>;

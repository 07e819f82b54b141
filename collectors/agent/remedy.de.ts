import type { Remedy } from '../check.ts';

export const agentDe = {
  'agent-tampered': {
    title: 'Dateien von Drawbridge wurden verändert',
    action: 'Drawbridge neu installieren lassen',
    why: 'Bis zur Neuinstallation ist auf seine Antworten kein Verlass.',
    steps: {
      windows: ['Bitten Sie die IT, Drawbridge neu zu installieren.'],
      macos: ['Bitten Sie die IT, Drawbridge neu zu installieren.'],
      linux: ['Bitten Sie die IT, Drawbridge neu zu installieren.'],
    },
  },
  'agent-cloned': {
    title: 'Die Identität dieses Computers wurde von einem anderen Computer benutzt',
    action: 'Diesen Computer neu anmelden lassen',
    why: 'Zwei Computer antworten unter demselben Namen; bis die IT nachgesehen hat, ist auf beide kein Verlass.',
    steps: {
      windows: ['Rufen Sie die IT an. Sie kann diesen Computer neu anmelden.'],
      macos: ['Rufen Sie die IT an. Sie kann diesen Computer neu anmelden.'],
      linux: ['Rufen Sie die IT an. Sie kann diesen Computer neu anmelden.'],
    },
  },
  'agent-silent': {
    title: 'Ihre Firma hat von diesem Computer länger nichts gehört',
    action: 'Diesen Computer online bringen',
    why: 'Ohne Nachricht weiß niemand, ob er noch in Ordnung ist.',
    steps: {
      windows: [
        'Prüfen Sie, ob der Computer online ist. Wenn ja: starten Sie ihn neu oder fragen Sie die IT.',
      ],
      macos: ['Prüfen Sie, ob der Computer online ist. Wenn ja: starten Sie ihn neu oder fragen Sie die IT.'],
      linux: ['Prüfen Sie, ob der Computer online ist. Wenn ja: starten Sie ihn neu oder fragen Sie die IT.'],
    },
  },
  'agent-key-weak': {
    title: 'Die Identität dieses Computers ist weniger geschützt, als Ihre Firma verlangt',
    action: 'Sicherheitschip einschalten lassen',
    why: 'Der Schlüssel liegt in einer Datei statt in einem Sicherheitschip.',
    steps: {
      windows: [
        'Fragen Sie die IT, ob dieser Computer einen Sicherheitschip (TPM) hat, der sich einschalten lässt.',
      ],
      macos: [
        'Fragen Sie die IT, ob dieser Computer einen Sicherheitschip (TPM) hat, der sich einschalten lässt.',
      ],
      linux: [
        'Fragen Sie die IT, ob dieser Computer einen Sicherheitschip (TPM) hat, der sich einschalten lässt.',
      ],
    },
  },
} satisfies Record<string, Remedy>;

import type { Remedy } from '../check.ts';

export const vpnClientDe = {
  'vpn-without-ipsec': {
    title: 'Eine VPN-Verbindung auf diesem Computer ist nicht verschlüsselt',
    action: 'Eine verschlüsselte VPN-Verbindung benutzen',
    why: 'L2TP ohne IPsec sendet alles im Klartext.',
    steps: {
      windows: ['Trennen Sie das unten genannte VPN.', 'Bitten Sie die IT um das VPN-Profil der Firma.'],
      macos: ['Trennen Sie das unten genannte VPN.', 'Bitten Sie die IT um das VPN-Profil der Firma.'],
      linux: [
        'Trennen Sie das unten genannte VPN.',
        'Schalten Sie IPsec in seinen Einstellungen ein, oder bitten Sie die IT um das VPN-Profil der Firma.',
      ],
    },
  },
  'vpn-secrets-readable': {
    title: 'Ein VPN-Kennwort oder -Schlüssel ist für andere Benutzer dieses Computers lesbar',
    action: 'Ihr VPN neu einrichten lassen',
    why: 'Wer es liest, kann sich in Ihrem Namen verbinden.',
    steps: {
      windows: ['Bitten Sie die IT, das unten genannte VPN neu einzurichten.'],
      macos: ['Bitten Sie die IT, das unten genannte VPN neu einzurichten.'],
      linux: ['Bitten Sie die IT, die Dateien des unten genannten VPN nur für root lesbar zu machen.'],
    },
  },
} satisfies Record<string, Remedy>;

import type { Remedy } from '../check.ts';

export const firewallDe = {
  'firewall-off': {
    title: 'Ihre Firewall ist aus',
    action: 'Firewall einschalten',
    why: 'Andere im selben Netz können Dienste auf diesem Computer erreichen.',
    steps: {
      windows: [
        'Öffnen Sie Windows-Sicherheit, Firewall- & Netzwerkschutz.',
        'Schalten Sie die Firewall für jedes Netzwerk ein.',
      ],
      macos: ['Öffnen Sie Systemeinstellungen, Netzwerk, Firewall.', 'Schalten Sie sie ein.'],
      'macos-12': [
        'Öffnen Sie Systemeinstellungen, Sicherheit, Firewall.',
        'Klicken Sie auf das Schloss und geben Sie Ihr Kennwort ein.',
        'Wählen Sie „Firewall aktivieren“.',
      ],
      linux: [
        'Schalten Sie die Firewall Ihrer Distribution (ufw oder firewalld) ein, mit eingehenden Verbindungen als Standard abgelehnt.',
      ],
      ubuntu: ['Öffnen Sie ein Terminal.', 'Geben Sie „sudo ufw enable“ und Ihr Kennwort ein.'],
      debian: [
        'Öffnen Sie ein Terminal.',
        'Geben Sie „sudo apt install ufw“ und Ihr Kennwort ein.',
        'Geben Sie „sudo ufw enable“ ein.',
      ],
      fedora: [
        'Öffnen Sie ein Terminal.',
        'Geben Sie „sudo systemctl enable --now firewalld“ und Ihr Kennwort ein.',
      ],
      suse: [
        'Öffnen Sie ein Terminal.',
        'Geben Sie „sudo systemctl enable --now firewalld“ und Ihr Kennwort ein.',
      ],
    },
  },
  'firewall-partial': {
    title: 'Ihre Firewall erfasst nur einen Teil des Netzverkehrs',
    action: 'Firewall für jedes Netz einschalten',
    why: 'Eine Art von Netz, oder IPv6, steht anderen offen.',
    steps: {
      windows: [
        'Öffnen Sie Windows-Sicherheit, Firewall- & Netzwerkschutz.',
        'Schalten Sie die Firewall für Domänennetzwerk, privates und öffentliches Netzwerk ein.',
      ],
      macos: [
        'Öffnen Sie Systemeinstellungen, Netzwerk, Firewall, Optionen.',
        'Schalten Sie „Alle eingehenden Verbindungen blockieren“ ein.',
      ],
      'macos-12': [
        'Öffnen Sie Systemeinstellungen, Sicherheit, Firewall, Firewall-Optionen.',
        'Schalten Sie „Alle eingehenden Verbindungen blockieren“ ein.',
      ],
      linux: ['Lehnen Sie eingehende Verbindungen als Standard für IPv4 und für IPv6 ab.'],
    },
  },
} satisfies Record<string, Remedy>;

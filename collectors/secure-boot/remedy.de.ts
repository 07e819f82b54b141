import type { Remedy } from '../check.ts';

export const secureBootDe = {
  'secure-boot-off': {
    title: 'Secure Boot ist aus',
    action: 'Secure Boot einschalten lassen',
    why: 'Schadsoftware könnte vor dem Betriebssystem starten und sich vor ihm verbergen.',
    steps: {
      windows: [
        'Bitten Sie die IT: Secure Boot wird in den Firmware-Einstellungen eingeschaltet, bevor Windows startet.',
      ],
      macos: [
        'Starten Sie im Wiederherstellungsmodus, öffnen Sie das Startsicherheitsdienstprogramm und wählen Sie „Volle Sicherheit“, oder bitten Sie die IT darum.',
      ],
      linux: [
        'Bitten Sie die IT: Secure Boot wird in den Firmware-Einstellungen eingeschaltet, bevor das System startet.',
      ],
    },
  },
  'sip-off': {
    title: 'Der Systemintegritätsschutz ist aus',
    action: 'Systemintegritätsschutz wieder einschalten',
    why: 'Programme können Teile von macOS verändern, die sich nie ändern sollten.',
    steps: {
      windows: ['Das betrifft nur Macs.'],
      macos: [
        'Starten Sie im Wiederherstellungsmodus, öffnen Sie das Terminal, geben Sie „csrutil enable“ ein und starten Sie neu; oder bitten Sie die IT darum.',
      ],
      linux: ['Das betrifft nur Macs.'],
    },
  },
} satisfies Record<string, Remedy>;

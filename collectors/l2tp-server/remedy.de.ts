import type { Remedy } from '../check.ts';

export const l2tpServerDe = {
  'l2tp-server-running': {
    title: 'Dieser Computer bietet anderen einen VPN-Server an',
    action: 'VPN-Server auf diesem Computer abschalten',
    why: 'Ein L2TP-Server, den niemand betreiben wollte, ist eine Tür ins Netz.',
    steps: {
      windows: ['Bitten Sie die IT, „Routing und RAS“ auf diesem Computer abzuschalten.'],
      macos: ['Bitten Sie die IT, den VPN-Server auf diesem Mac abzuschalten.'],
      linux: [
        'Fragen Sie die IT, oder beenden und deaktivieren Sie den L2TP-Server (xl2tpd, accel-ppp) als Administrator.',
      ],
    },
  },
} satisfies Record<string, Remedy>;

import type { FixMeans } from '../wire/tray.ts';
import type { PaneId, Takes } from '../../collectors/help.ts';
import type { Language } from './locale.ts';

/**
 * What the page says around the texts of the problems (`collectors/…/remedy.ts`). To translate, add a language here:
 * a missing text does not compile. `{…}` is filled in.
 */
export type PageWords = {
  title: string;
  language: string;
  checked: string;
  notChecked: string;
  problems: string;
  toFix: { one: string; many: string };
  badge: Record<'fail' | 'warn' | 'unknown', string>;
  by: string;
  then: Record<'allow' | 'restrict' | 'quarantine' | 'deny', string>;
  limit: string;
  pausedNow: string;
  /** How it comes that access is as usual while something is wrong. */
  noDeadline: string;
  since: string;
  why: string;
  takes: Record<Takes, string>;
  found: string;
  pane: Record<PaneId, string>;
  fix: Record<FixMeans, { label: string; change: string }>;
  recheck: string;
  recheckAll: string;
  checking: string;
  working: string;
  fixed: string;
  stillThere: string;
  allChecked: string;
  onlyServer: string;
  snooze: { title: string; hours: Record<1 | 4 | 24, string>; until: string };
  vpn: {
    title: string;
    connected: string;
    notConnected: string;
    held: string;
    reconnect: string;
    reconnected: string;
    settings: string;
    cause: Record<'server' | 'standing' | 'contain', string>;
  };
  days: { title: string; none: string };
  colour: Record<'green' | 'amber' | 'red' | 'grey', string>;
  collected: {
    title: string;
    intro: string;
    never: string;
    who: string;
    readOnly: string;
  };
  about: {
    title: string;
    computer: string;
    version: string;
    server: string;
    lastReport: string;
    lastHeard: string;
    connection: string;
    connected: string;
    offline: string;
    none: string;
  };
  unreachable: string;
  unreachableBody: string;
  noPane: string;
};

const en: PageWords = {
  title: 'Device status',
  language: 'Language',
  checked: 'Checked {moment}',
  notChecked: 'Not checked yet',
  problems: 'What to do',
  toFix: { one: '1 thing to fix', many: '{count} things to fix' },
  badge: { fail: 'To fix', warn: 'To fix', unknown: 'Not known' },
  by: 'By {moment}',
  then: {
    allow: 'After that nothing changes for you; it stays on this list.',
    restrict: 'After that VPN access is limited until this is done.',
    quarantine: 'After that VPN access pauses until this is done.',
    deny: 'After that VPN access pauses until this is done.',
  },
  limit: 'Nothing else on this computer changes.',
  pausedNow: 'VPN access comes back by itself once this is done. Nothing else on this computer changes.',
  noDeadline: 'There is no deadline for this.',
  since: 'Seen since {moment}',
  why: 'Why it matters',
  takes: {
    minute: 'Takes about 1 minute',
    minutes: 'Takes a few minutes',
    'half-hour': 'Takes up to half an hour',
    hours: 'Takes a few hours, mostly by itself',
    it: 'Needs help from IT',
  },
  found: 'Found: {given}. Expected: {expected}.',
  pane: {
    firewall: 'Open firewall settings',
    updates: 'Open updates',
    'screen-lock': 'Open screen lock settings',
    'disk-encryption': 'Open encryption settings',
    antivirus: 'Open antivirus',
    vpn: 'Open VPN settings',
  },
  fix: {
    ufw: {
      label: 'Turn on the firewall for me',
      change: 'This turns on ufw; connections that nobody on this computer asked for are refused.',
    },
    firewalld: {
      label: 'Turn on the firewall for me',
      change: 'This starts firewalld, now and at every start of the computer.',
    },
    nftables: {
      label: 'Turn on the firewall for me',
      change: 'This loads the firewall rules of this computer (/etc/nftables.conf), now and at every start.',
    },
    'windows-firewall': {
      label: 'Turn on the firewall for me',
      change:
        'This turns on Windows Firewall for every network; incoming connections that nobody asked for are blocked.',
    },
    'macos-firewall': { label: 'Turn on the firewall for me', change: 'This turns on the macOS firewall.' },
    clamav: {
      label: 'Start the antivirus for me',
      change: 'This starts the ClamAV service, now and at every start of the computer.',
    },
    falcon: {
      label: 'Start the antivirus for me',
      change: 'This starts the CrowdStrike Falcon service, now and at every start of the computer.',
    },
    mdatp: {
      label: 'Start the antivirus for me',
      change: 'This starts the Microsoft Defender service, now and at every start of the computer.',
    },
    sentinelone: {
      label: 'Start the antivirus for me',
      change: 'This starts the SentinelOne service, now and at every start of the computer.',
    },
    apt: {
      label: 'Begin the update for me',
      change:
        'This starts the system’s own unattended update in the background. It may ask for a restart later.',
    },
    dnf: {
      label: 'Begin the update for me',
      change:
        'This starts the system’s own automatic update in the background. It may ask for a restart later.',
    },
  },
  recheck: 'I did this: check again',
  recheckAll: 'Check everything again',
  checking: 'Checking …',
  working: 'Working …',
  fixed: '“{action}” is done. Thank you.',
  stillThere: 'Checked just now: it is not fixed yet. Some changes take a minute to show.',
  allChecked: 'Everything was checked just now.',
  onlyServer: 'Only your company can see and clear this.',
  snooze: {
    title: 'Remind me later',
    hours: { 1: 'In 1 hour', 4: 'In 4 hours', 24: 'In 24 hours' },
    until: 'No reminders until {moment}. The deadline stays.',
  },
  vpn: {
    title: 'VPN',
    connected: 'Connected',
    notConnected: 'Not connected',
    held: 'Paused since {moment}: {cause}',
    reconnect: 'Reconnect VPN',
    reconnected: 'The VPN is connected.',
    settings: 'Open VPN settings',
    cause: {
      server: 'your company’s server has decided so',
      standing: 'this computer has decided so by your company’s rules',
      contain: 'IT has isolated this computer',
    },
  },
  days: { title: 'The last days', none: 'Nothing has changed yet.' },
  colour: { green: 'All well', amber: 'To fix', red: 'Access affected', grey: 'Not known' },
  collected: {
    title: 'What is collected, and who sees it',
    intro: 'These things are read on this computer and sent to your company’s server{server}:',
    never:
      'Never: files and their names, messages, browsing, what you type, your screen, where you are. Of running programs, only those on your company’s watch-list.',
    who: 'Who sees it: those who run your company’s posture server. How long it is kept is set there; ask IT. Nothing goes to anybody else.',
    readOnly:
      'Drawbridge only looks. It changes a setting when you click a button here that names the change, and closes the VPN when your company’s rules say so.',
  },
  about: {
    title: 'About this computer',
    computer: 'System',
    version: 'Drawbridge',
    server: 'Company server',
    lastReport: 'Last checked',
    lastHeard: 'Server last heard',
    connection: 'Connection',
    connected: 'connected since {moment}',
    offline: 'not connected since {moment}: {why}',
    none: 'none yet',
  },
  unreachable: 'Drawbridge does not answer',
  unreachableBody:
    'Nobody knows at the moment how this computer stands. This page comes back by itself. If it stays like this, restart the computer.',
  noPane: 'The settings could not be opened. Please open them by hand, as the steps say.',
};

const de: PageWords = {
  title: 'Gerätestatus',
  language: 'Sprache',
  checked: 'Geprüft {moment}',
  notChecked: 'Noch nicht geprüft',
  problems: 'Was zu tun ist',
  toFix: { one: '1 Sache zu beheben', many: '{count} Dinge zu beheben' },
  badge: { fail: 'Zu beheben', warn: 'Zu beheben', unknown: 'Unbekannt' },
  by: 'Bis {moment}',
  then: {
    allow: 'Danach ändert sich für Sie nichts; es bleibt auf dieser Liste.',
    restrict: 'Danach ist der VPN-Zugang eingeschränkt, bis es erledigt ist.',
    quarantine: 'Danach ist der VPN-Zugang ausgesetzt, bis es erledigt ist.',
    deny: 'Danach ist der VPN-Zugang ausgesetzt, bis es erledigt ist.',
  },
  limit: 'Sonst ändert sich an diesem Computer nichts.',
  pausedNow:
    'Der VPN-Zugang kommt von selbst zurück, sobald es erledigt ist. Sonst ändert sich an diesem Computer nichts.',
  noDeadline: 'Dafür gibt es keine Frist.',
  since: 'Gesehen seit {moment}',
  why: 'Warum es wichtig ist',
  takes: {
    minute: 'Dauert etwa 1 Minute',
    minutes: 'Dauert ein paar Minuten',
    'half-hour': 'Dauert bis zu einer halben Stunde',
    hours: 'Dauert ein paar Stunden, das meiste von selbst',
    it: 'Dabei muss die IT helfen',
  },
  found: 'Gefunden: {given}. Erwartet: {expected}.',
  pane: {
    firewall: 'Firewall-Einstellungen öffnen',
    updates: 'Updates öffnen',
    'screen-lock': 'Einstellungen der Bildschirmsperre öffnen',
    'disk-encryption': 'Einstellungen der Verschlüsselung öffnen',
    antivirus: 'Virenschutz öffnen',
    vpn: 'VPN-Einstellungen öffnen',
  },
  fix: {
    ufw: {
      label: 'Firewall für mich einschalten',
      change:
        'Das schaltet ufw ein; Verbindungen, um die auf diesem Computer niemand gebeten hat, werden abgewiesen.',
    },
    firewalld: {
      label: 'Firewall für mich einschalten',
      change: 'Das startet firewalld, jetzt und bei jedem Start des Computers.',
    },
    nftables: {
      label: 'Firewall für mich einschalten',
      change:
        'Das lädt die Firewall-Regeln dieses Computers (/etc/nftables.conf), jetzt und bei jedem Start.',
    },
    'windows-firewall': {
      label: 'Firewall für mich einschalten',
      change:
        'Das schaltet die Windows-Firewall für jedes Netz ein; eingehende Verbindungen, um die niemand gebeten hat, werden blockiert.',
    },
    'macos-firewall': {
      label: 'Firewall für mich einschalten',
      change: 'Das schaltet die Firewall von macOS ein.',
    },
    clamav: {
      label: 'Virenschutz für mich starten',
      change: 'Das startet den Dienst ClamAV, jetzt und bei jedem Start des Computers.',
    },
    falcon: {
      label: 'Virenschutz für mich starten',
      change: 'Das startet den Dienst CrowdStrike Falcon, jetzt und bei jedem Start des Computers.',
    },
    mdatp: {
      label: 'Virenschutz für mich starten',
      change: 'Das startet den Dienst Microsoft Defender, jetzt und bei jedem Start des Computers.',
    },
    sentinelone: {
      label: 'Virenschutz für mich starten',
      change: 'Das startet den Dienst SentinelOne, jetzt und bei jedem Start des Computers.',
    },
    apt: {
      label: 'Update für mich beginnen',
      change:
        'Das startet das eigene Update des Systems im Hintergrund. Später kann ein Neustart nötig sein.',
    },
    dnf: {
      label: 'Update für mich beginnen',
      change:
        'Das startet das eigene Update des Systems im Hintergrund. Später kann ein Neustart nötig sein.',
    },
  },
  recheck: 'Erledigt: noch einmal prüfen',
  recheckAll: 'Alles noch einmal prüfen',
  checking: 'Wird geprüft …',
  working: 'Einen Moment …',
  fixed: '„{action}“ ist erledigt. Vielen Dank.',
  stillThere: 'Gerade geprüft: es ist noch nicht behoben. Manche Änderung zeigt sich erst nach einer Minute.',
  allChecked: 'Gerade wurde alles geprüft.',
  onlyServer: 'Das kann nur Ihre Firma sehen und klären.',
  snooze: {
    title: 'Später erinnern',
    hours: { 1: 'In 1 Stunde', 4: 'In 4 Stunden', 24: 'In 24 Stunden' },
    until: 'Keine Erinnerungen bis {moment}. Die Frist bleibt.',
  },
  vpn: {
    title: 'VPN',
    connected: 'Verbunden',
    notConnected: 'Nicht verbunden',
    held: 'Ausgesetzt seit {moment}: {cause}',
    reconnect: 'VPN neu verbinden',
    reconnected: 'Das VPN ist verbunden.',
    settings: 'VPN-Einstellungen öffnen',
    cause: {
      server: 'der Server Ihrer Firma hat so entschieden',
      standing: 'dieser Computer hat nach den Regeln Ihrer Firma so entschieden',
      contain: 'die IT hat diesen Computer abgeschottet',
    },
  },
  days: { title: 'Die letzten Tage', none: 'Noch hat sich nichts geändert.' },
  colour: { green: 'Alles in Ordnung', amber: 'Zu beheben', red: 'Zugang betroffen', grey: 'Unbekannt' },
  collected: {
    title: 'Was erhoben wird, und wer es sieht',
    intro: 'Das wird auf diesem Computer gelesen und an den Server Ihrer Firma{server} gesendet:',
    never:
      'Nie: Dateien und ihre Namen, Nachrichten, besuchte Seiten, was Sie tippen, Ihr Bildschirm, wo Sie sind. Von laufenden Programmen nur die auf der Liste Ihrer Firma.',
    who: 'Wer es sieht: wer den Server Ihrer Firma betreut. Wie lange es aufbewahrt wird, ist dort festgelegt; fragen Sie die IT. Sonst bekommt es niemand.',
    readOnly:
      'Drawbridge sieht nur nach. Es ändert eine Einstellung, wenn Sie hier einen Knopf anklicken, der die Änderung nennt, und schließt das VPN, wenn die Regeln Ihrer Firma es sagen.',
  },
  about: {
    title: 'Über diesen Computer',
    computer: 'System',
    version: 'Drawbridge',
    server: 'Server der Firma',
    lastReport: 'Zuletzt geprüft',
    lastHeard: 'Server zuletzt gehört',
    connection: 'Verbindung',
    connected: 'verbunden seit {moment}',
    offline: 'nicht verbunden seit {moment}: {why}',
    none: 'noch keine',
  },
  unreachable: 'Drawbridge antwortet nicht',
  unreachableBody:
    'Im Augenblick weiß niemand, wie es um diesen Computer steht. Diese Seite kommt von selbst zurück. Bleibt es so, starten Sie den Computer neu.',
  noPane:
    'Die Einstellungen ließen sich nicht öffnen. Bitte öffnen Sie sie von Hand, wie in den Schritten beschrieben.',
};

const ALL: Record<Language, PageWords> = { en, de };

export function pageWordsIn(language: Language): PageWords {
  return ALL[language];
}

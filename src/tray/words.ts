import type { ColourReason, Reconnect, TrayRefusal } from '../wire/tray.ts';
import type { Language } from './locale.ts';

/**
 * What icon, menu and notifications say, apart from the problems' own texts. To translate, add a language here and to
 * `LANGUAGES`: a missing text does not compile. `{…}` is filled in.
 */
export type Words = {
  /** A word or two, after the product's name: what a screen reader says of the icon. */
  state: Record<ColourReason, string>;
  /** One sentence: the first line of the menu, and the tooltip. */
  headline: Record<ColourReason, string>;
  /** Where there is something to mend, instead of the headline. */
  toFix: { one: string; many: string; oneBy: string; manyBy: string };
  menu: {
    checkAgain: string;
    checkNow: string;
    checking: string;
    snooze: string;
    hours: Record<1 | 4 | 24, string>;
    snoozed: string;
    tooLate: string;
    details: string;
    reconnect: string;
  };
  /** Why the VPN cannot be asked to come up, after the item's name. */
  noReconnect: Record<Exclude<Reconnect, 'possible'>, string>;
  note: {
    show: string;
    later: string;
    pausesBy: string;
    limitedBy: string;
    fixBy: string;
    paused: string;
    pausedBody: string;
    limits: string;
    restored: string;
    restoredBody: string;
    alreadyPaused: string;
    noBrowser: string;
    noBrowserBody: string;
    failed: string;
  };
  /** Why what was asked for was not done. */
  refusal: Record<TrayRefusal | 'unreachable', string>;
};

const en: Words = {
  state: {
    'agent-unreachable': 'not running',
    starting: 'starting',
    'not-enrolled': 'not set up',
    pending: 'waits for approval',
    'server-silent': 'no word from your company',
    unknown: 'not sure',
    'access-paused': 'VPN paused',
    'access-limited': 'VPN limited',
    'vpn-held': 'VPN paused',
    isolated: 'isolated',
    deadline: 'fix soon',
    advice: 'could be better',
    good: 'all well',
    observed: 'all well',
    'break-glass': 'let in by IT',
  },
  headline: {
    'agent-unreachable': 'Drawbridge does not answer on this computer',
    starting: 'Drawbridge has just started and is looking',
    'not-enrolled': 'This computer is not known to your company yet',
    pending: 'Your company has to approve this computer first',
    'server-silent': 'Your company’s server has not been heard from',
    unknown: 'Something could not be read on this computer',
    'access-paused': 'VPN access is paused',
    'access-limited': 'VPN access is limited',
    'vpn-held': 'VPN access is paused',
    isolated: 'IT has isolated this computer from the network',
    deadline: 'Something is to be fixed',
    advice: 'Something could be better',
    good: 'This computer meets every requirement',
    observed: 'This computer is only looked at for now: nothing is to be done',
    'break-glass': 'IT lets this computer in for now, whatever its state',
  },
  toFix: {
    one: '1 thing to fix',
    many: '{count} things to fix',
    oneBy: '1 thing to fix by {moment}',
    manyBy: '{count} things to fix, the first by {moment}',
  },
  menu: {
    checkAgain: 'I did this: check again',
    checkNow: 'Check again now',
    checking: 'Checking …',
    snooze: 'Remind me later',
    hours: { 1: 'In 1 hour', 4: 'In 4 hours', 24: 'In 24 hours' },
    snoozed: 'Reminders are off until {moment}',
    tooLate: 'the deadline is too close',
    details: 'Open details …',
    reconnect: 'Reconnect VPN',
  },
  noReconnect: {
    connected: 'is connected',
    held: 'paused until this is fixed',
    denied: 'paused until this is fixed',
    'no-profile': 'no VPN is set up here',
    unsupported: 'use your system’s VPN settings',
  },
  note: {
    show: 'Show me how',
    later: 'Later',
    pausesBy: 'VPN access pauses on {moment} if this stays as it is. Nothing else on this computer changes.',
    limitedBy:
      'VPN access becomes limited on {moment} if this stays as it is. Nothing else on this computer changes.',
    fixBy: 'Please fix it by {moment}.',
    paused: 'VPN access is paused',
    pausedBody: 'Open “Device status” to see what to do.',
    limits: 'It comes back by itself once this is fixed. Nothing else on this computer changes.',
    restored: 'VPN access is back',
    restoredBody: 'Thank you. You can connect again.',
    alreadyPaused: 'VPN access stays paused until this is fixed.',
    noBrowser: 'No browser could be opened',
    noBrowserBody: 'Set a default browser in your system’s settings, then choose “Open details” again.',
    failed: 'That did not work',
  },
  refusal: {
    malformed: 'Tray and service do not understand each other. Log out and in again.',
    'rate-limited': 'That was asked for too often. Try again in a minute.',
    busy: 'Too much is being done at once. Try again in a moment.',
    'not-offered': 'Your company does not offer this here.',
    held: 'VPN access is paused until what is wrong is fixed.',
    'nothing-to-snooze': 'There is no reminder to put off.',
    unsupported: 'This does not work on this system. Use its own settings.',
    timeout: 'It took too long. Try again, or restart the computer.',
    failed: 'Try again. If this stays so, send IT the output of “drawbridge doctor”.',
    unreachable: 'The Drawbridge service on this computer does not answer. Restart the computer.',
  },
};

const de: Words = {
  state: {
    'agent-unreachable': 'läuft nicht',
    starting: 'startet',
    'not-enrolled': 'nicht eingerichtet',
    pending: 'wartet auf Freigabe',
    'server-silent': 'keine Nachricht von Ihrer Firma',
    unknown: 'nicht sicher',
    'access-paused': 'VPN ausgesetzt',
    'access-limited': 'VPN eingeschränkt',
    'vpn-held': 'VPN ausgesetzt',
    isolated: 'abgeschottet',
    deadline: 'bald beheben',
    advice: 'könnte besser sein',
    good: 'alles in Ordnung',
    observed: 'alles in Ordnung',
    'break-glass': 'von der IT zugelassen',
  },
  headline: {
    'agent-unreachable': 'Drawbridge antwortet auf diesem Computer nicht',
    starting: 'Drawbridge ist gerade gestartet und sieht nach',
    'not-enrolled': 'Dieser Computer ist Ihrer Firma noch nicht bekannt',
    pending: 'Ihre Firma muss diesen Computer erst freigeben',
    'server-silent': 'Der Server Ihrer Firma hat sich nicht gemeldet',
    unknown: 'Etwas ließ sich auf diesem Computer nicht feststellen',
    'access-paused': 'Der VPN-Zugang ist ausgesetzt',
    'access-limited': 'Der VPN-Zugang ist eingeschränkt',
    'vpn-held': 'Der VPN-Zugang ist ausgesetzt',
    isolated: 'Die IT hat diesen Computer vom Netz abgeschottet',
    deadline: 'Etwas ist zu beheben',
    advice: 'Etwas könnte besser sein',
    good: 'Dieser Computer erfüllt alle Anforderungen',
    observed: 'Dieser Computer wird vorerst nur betrachtet: es ist nichts zu tun',
    'break-glass': 'Die IT lässt diesen Computer vorerst zu, gleich in welchem Zustand',
  },
  toFix: {
    one: '1 Sache zu beheben',
    many: '{count} Dinge zu beheben',
    oneBy: '1 Sache zu beheben bis {moment}',
    manyBy: '{count} Dinge zu beheben, das erste bis {moment}',
  },
  menu: {
    checkAgain: 'Erledigt: noch einmal prüfen',
    checkNow: 'Jetzt noch einmal prüfen',
    checking: 'Wird geprüft …',
    snooze: 'Später erinnern',
    hours: { 1: 'In 1 Stunde', 4: 'In 4 Stunden', 24: 'In 24 Stunden' },
    snoozed: 'Keine Erinnerungen bis {moment}',
    tooLate: 'die Frist ist zu nah',
    details: 'Einzelheiten öffnen …',
    reconnect: 'VPN neu verbinden',
  },
  noReconnect: {
    connected: 'ist verbunden',
    held: 'ausgesetzt, bis dies behoben ist',
    denied: 'ausgesetzt, bis dies behoben ist',
    'no-profile': 'hier ist kein VPN eingerichtet',
    unsupported: 'bitte über die VPN-Einstellungen des Systems',
  },
  note: {
    show: 'So geht es',
    later: 'Später',
    pausesBy:
      'Bleibt es so, wird der VPN-Zugang am {moment} ausgesetzt. Sonst ändert sich an diesem Computer nichts.',
    limitedBy:
      'Bleibt es so, wird der VPN-Zugang am {moment} eingeschränkt. Sonst ändert sich an diesem Computer nichts.',
    fixBy: 'Bitte beheben Sie es bis {moment}.',
    paused: 'Der VPN-Zugang ist ausgesetzt',
    pausedBody: 'Was zu tun ist, steht unter „Gerätestatus“.',
    limits:
      'Er kommt von selbst zurück, sobald dies behoben ist. Sonst ändert sich an diesem Computer nichts.',
    restored: 'Der VPN-Zugang ist wieder da',
    restoredBody: 'Vielen Dank. Sie können sich wieder verbinden.',
    alreadyPaused: 'Der VPN-Zugang bleibt ausgesetzt, bis dies behoben ist.',
    noBrowser: 'Es ließ sich kein Browser öffnen',
    noBrowserBody:
      'Legen Sie in den Systemeinstellungen einen Standardbrowser fest, und wählen Sie dann noch einmal „Einzelheiten öffnen“.',
    failed: 'Das hat nicht geklappt',
  },
  refusal: {
    malformed: 'Symbol und Dienst verstehen einander nicht. Melden Sie sich ab und wieder an.',
    'rate-limited': 'Das wurde zu oft verlangt. Versuchen Sie es in einer Minute noch einmal.',
    busy: 'Es geschieht zu vieles zugleich. Versuchen Sie es gleich noch einmal.',
    'not-offered': 'Ihre Firma bietet das hier nicht an.',
    held: 'Der VPN-Zugang ist ausgesetzt, bis behoben ist, was fehlt.',
    'nothing-to-snooze': 'Es gibt keine Erinnerung, die sich verschieben ließe.',
    unsupported: 'Das geht auf diesem System nicht. Nehmen Sie dessen eigene Einstellungen.',
    timeout: 'Es hat zu lange gedauert. Versuchen Sie es noch einmal, oder starten Sie den Computer neu.',
    failed:
      'Versuchen Sie es noch einmal. Bleibt es so, schicken Sie der IT die Ausgabe von „drawbridge doctor“.',
    unreachable: 'Der Drawbridge-Dienst auf diesem Computer antwortet nicht. Starten Sie den Computer neu.',
  },
};

const ALL: Record<Language, Words> = { en, de };

export function wordsIn(language: Language): Words {
  return ALL[language];
}

/** Puts values in the place of `{names}`. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

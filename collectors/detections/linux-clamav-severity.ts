/** OCSF severities, as far as a name can tell them. */
const UNKNOWN = 0;
const INFORMATIONAL = 1;
const LOW = 2;
const MEDIUM = 3;
const HIGH = 4;
const CRITICAL = 5;

/**
 * ClamAV states no severity, but its names do name the kind: `Platform.Category.Name-Id-Revision`
 * (docs.clamav.net, "ClamAV Virus Naming"). Most specific first.
 */
const BY_CATEGORY: readonly (readonly [RegExp, number])[] = [
  [/eicar|\.Test\b|ClamAV-Test/i, INFORMATIONAL],
  [/^PUA\.|\.(Adware|Joke|Tool|Countermeasure|Proxy|Revoked|Packer|Packed)\./i, LOW],
  [/^Heuristics\.|\.Phishing\./i, MEDIUM],
  [/\.(Ransomware|Rootkit)\./i, CRITICAL],
  [
    /\.(Backdoor|Coinminer|Downloader|Dropper|Exploit|Infostealer|Ircbot|Keylogger|Loader|Macro|Malware|Spyware|Trojan|Virus|Worm)\./i,
    HIGH,
  ],
];

export function severityOf(signature: string): number {
  return BY_CATEGORY.find(([pattern]) => pattern.test(signature))?.[1] ?? UNKNOWN;
}

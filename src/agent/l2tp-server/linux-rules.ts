export const TABLE = 'drawbridge_l2tp_server';

const FIRST = 'udp dport 1701 ct direction original';

/**
 * For `nft -f -`: replaces our table in one step. What others send to UDP 1701 first is counted and dropped, also
 * inside IPsec; the answers to a client of this computer, whose port is 1701 as well, are not. Our own questions, by
 * which we prove it, come over loopback: they are dropped and no attempts.
 */
export const CLOSE_RULES = tableOf(`iifname != "lo" ${FIRST} counter drop`, `${FIRST} drop`);

/** Counts what would have begun with a server that is stopped; changes nothing about it. */
export const COUNT_RULES = tableOf(`iifname != "lo" ${FIRST} counter`);

function tableOf(...rules: string[]): string {
  return `table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain input {
    type filter hook input priority -10; policy accept;
    ${rules.join('\n    ')}
  }
}
`;
}

/** Takes the table away, whether it is there or not. */
export const OPEN_RULES = `table inet ${TABLE}\ndelete table inet ${TABLE}\n`;

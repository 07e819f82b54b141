export const TABLE = 'drawbridge_l2tp_server';

/**
 * For `nft -f -`: replaces our table in one step. What others send to UDP 1701 first is dropped, also inside IPsec;
 * the answers to a client of this computer, whose port is 1701 as well, are not.
 */
export const CLOSE_RULES = `table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain input {
    type filter hook input priority -10; policy accept;
    udp dport 1701 ct direction original counter drop
  }
}
`;

/** Takes the table away, whether it is there or not. */
export const OPEN_RULES = `table inet ${TABLE}\ndelete table inet ${TABLE}\n`;

import { describe, expect, test } from 'vitest';
import { listProblem, OWN_FOLDER } from '../../src/agent/service/access-list.ts';

const USER = 'S-1-5-21-1004336348-1177238915-682003330-1001';

describe('a folder of the service', () => {
  test.each([
    ['as the service itself leaves it', `O:SY${OWN_FOLDER}`],
    ['as an administrator’s installer makes it', `O:BAG:DU${OWN_FOLDER}`],
    ['below which others may read', 'O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)'],
    ['of which others are denied everything', 'O:SYD:P(D;OICI;FA;;;WD)(A;OICI;FA;;;SY)'],
    ['with the entry for whoever makes something', 'O:SYD:(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)'],
  ])('%s, is its own', (_, sddl) => {
    expect(listProblem(sddl, 'S-1-5-18')).toBeNull();
  });

  test.each([
    ['a user who was there first', `O:${USER}G:DU${OWN_FOLDER}`, `it belongs to ${USER}`],
    // What ProgramData hands down on a Windows 10.
    [
      'users who may make files',
      'O:SYG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)',
      'BU may change it',
    ],
    ['everybody', 'O:SYD:(A;OICI;0x1301bf;;;WD)', 'WD may change it'],
    ['a user, by generic rights', `O:SYD:(A;;GW;;;${USER})(A;;FA;;;SY)`, `${USER} may change it`],
    ['a user, who may take the ownership', `O:SYD:(A;;0x80000;;;${USER})`, `${USER} may change it`],
    ['no list', 'O:SYD:NO_ACCESS_CONTROL', 'it allows everything to everybody'],
    ['something else', 'D:(A;;FA;;;SY)', 'cannot be understood'],
    ['nothing', '', 'cannot be understood'],
  ])('with %s, is not', (_, sddl, problem) => {
    expect(listProblem(sddl, 'S-1-5-18')).toContain(problem);
  });

  test('the account that runs the service is trusted, whoever it is', () => {
    const sddl = `O:${USER}D:(A;OICI;FA;;;SY)(A;OICI;FA;;;${USER})(A;OICI;0x1200a9;;;WD)`;
    expect(listProblem(sddl, USER)).toBeNull();
    expect(listProblem(sddl, 'S-1-5-18')).not.toBeNull();
  });
});

import { askNetworkManager } from '../../src/agent/network-manager.ts';

/** What NetworkManager tells over the bus, to what would be asked through nmcli: one JSON string, or null. */
const [, , ...argv] = process.argv;
process.stdout.write(JSON.stringify(await askNetworkManager(argv)));

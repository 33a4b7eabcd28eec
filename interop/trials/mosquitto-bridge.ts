// Debian's mosquitto as a bridge: its run is a part of `npm test` (test/interop/bridge.test.ts).

import { join } from 'node:path'
import { run } from '../../test/interop/programs.ts'
import { debianVersion } from '../programs.ts'
import { assertEqual, type Trial, within } from '../trial.ts'

export const mosquittoBridge: readonly Trial[] = [
  {
    program: 'mosquitto as a bridge, MQTT 3.1, 3.1.1 and 5.0',
    what: 'both directions at QoS 0, 1 and 2, retained messages, notifications, restarts of either side',
    version: () => debianVersion('mosquitto'),
    run: () => within(180, bridge()),
  },
]

async function bridge(): Promise<void> {
  const file = join(import.meta.dirname, '../../test/interop/bridge.test.js')
  const { status, output } = await run('env', ['TAP_TIMEOUT=180', process.execPath, file])
  assertEqual(status, 0, output.slice(-300))
}

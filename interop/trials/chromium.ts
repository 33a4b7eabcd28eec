// A real browser: its run is a part of `npm test` (test/interop/chromium.test.ts); here it stands for completeness.

import { join } from 'node:path'
import { run } from '../../test/interop/programs.ts'
import { debianVersion } from '../programs.ts'
import { assertEqual, type Trial, within } from '../trial.ts'

export const chromium: readonly Trial[] = [
  {
    program: 'MQTT.js in Chromium',
    what: 'a page that publishes and subscribes over WebSocket',
    version: () => debianVersion('chromium'),
    run: () => within(120, browse()),
  },
]

async function browse(): Promise<void> {
  const file = join(import.meta.dirname, '../../test/interop/chromium.test.js')
  const { status, output } = await run(process.execPath, [file])
  assertEqual(status, 0, output.slice(-300))
}

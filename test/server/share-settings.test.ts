// Names from the wire are looked up among the names of the configuration, and nowhere else.

import { test } from 'tap'
import { configSchema } from '../../src/config/config.ts'
import { shareSettingsOf } from '../../src/server/share-settings.ts'

const NAMES = Object.getOwnPropertyNames(Object.prototype)

test('a client or a group that is called as a property of every object has no settings by that', async t => {
  const config = configSchema.parse({ share: { groups: { g: { weights: { a: 3 } } } } })
  const settings = shareSettingsOf(config, () => 0)

  for (const name of NAMES) {
    t.equal(settings.weightOf('g', 't', name), null, name)
    t.equal(settings.weightOf(name, 't', 'a'), null, name)
    t.equal(settings.strategyOf(name, 't'), null, name)
    t.equal(settings.strategyOf('g', name), null, name)
  }
  t.equal(settings.weightOf('g', 't', 'a'), 3)
})

test('a client or group has the settings that the configuration gives it', async t => {
  for (const name of NAMES.filter(each => each !== '__proto__')) {
    const groups = { [name]: { strategy: 'sticky', weights: { [name]: 7 } } }
    const settings = shareSettingsOf(configSchema.parse({ share: { groups } }), () => 0)

    t.equal(settings.strategyOf(name, 't'), 'sticky', name)
    t.equal(settings.weightOf(name, 't', name), 7, name)
  }
})

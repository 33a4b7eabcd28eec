import { chmodSync, chownSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { cacheFolder } from '../../src/cli/compile-cache.ts'

test('what was compiled is kept only where nobody else can write', async t => {
  const home = t.testdir()
  chmodSync(home, 0o755)

  t.equal(cacheFolder({ HOME: home }), join(home, '.cache/pondhawk'))
  t.equal(cacheFolder({ HOME: '/nowhere', XDG_CACHE_HOME: home }), join(home, 'pondhawk'))
  for (const HOME of [undefined, '', 'here', '/nowhere', '/tmp'])
    t.equal(cacheFolder({ HOME }), null)
  chmodSync(home, 0o777)
  t.equal(cacheFolder({ HOME: home }), null)
  chmodSync(home, 0o755)
  if (process.getuid?.() !== 0) return
  chownSync(home, 12_345, 12_345)
  t.equal(cacheFolder({ HOME: home }), null, 'of another user')
})

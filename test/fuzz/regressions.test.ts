// Every input that once was a finding, minimised.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { TARGETS } from '../../fuzz/targets.ts'

const FOLDER = resolve(dirname(fileURLToPath(import.meta.url)), '../../../test/fuzz/regressions')

interface Regression {
  readonly target: string
  readonly finding: string
  readonly input: string
}

for (const file of readdirSync(FOLDER)) {
  const { target, finding, input } = JSON.parse(
    readFileSync(join(FOLDER, file), 'utf8'),
  ) as Regression

  test(`${file}: it is not so any more that ${finding}`, async t => {
    t.equal(await TARGETS[target]?.().replay(input), null)
  })
}

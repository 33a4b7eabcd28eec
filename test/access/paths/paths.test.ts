// Rules on every way that a message can go, against a slow reading of them. PATH_CHECKS sets how many answers are compared, and
// PATH_SEED where it begins.

import { test } from 'tap'
import { PathWorld } from './path-world.ts'

const CHECKS = Number(process.env['PATH_CHECKS'] ?? 20_000)
const FIRST_SEED = Number(process.env['PATH_SEED'] ?? 1)
const STEPS_A_WORLD = 120

test(`nobody is told, and nobody says, what the rules of the moment do not allow, in ${CHECKS} answers`, async t => {
  let checks = 0
  for (let seed = FIRST_SEED; checks < CHECKS; seed++) {
    const world = new PathWorld(seed)
    for (let step = 0; step < STEPS_A_WORLD && world.wrong.length === 0; step++) {
      await world.step()
    }
    checks += world.checks
    if (world.wrong.length > 0) {
      t.fail(`seed ${seed}: ${world.wrong[0]}`)
      return
    }
  }
  t.ok(checks >= CHECKS)
})

// How many front ends there are by themselves.

import { test } from 'tap'
import { automatic, frontEndsOf, groupCpus } from '../../src/server/front-end-count.ts'

test('a machine with three CPUs or more has front ends, up to eight', async t => {
  const counts = [1, 2, 2.5, 3, 4, 10, 64].map(automatic)

  t.strictSame(counts, [0, 0, 0, 1, 2, 8, 8])
})

test('a control group allows less than the machine has', async t => {
  const files = new Map([
    ['/proc/self/cgroup', '0::/system.slice/pondhawk.service\n'],
    ['/sys/fs/cgroup/system.slice/pondhawk.service/cpu.max', 'max 100000\n'],
    ['/sys/fs/cgroup/system.slice/cpu.max', '250000 100000\n'],
  ])

  t.equal(
    groupCpus(file => files.get(file) ?? null),
    2.5,
  )
  t.equal(
    groupCpus(() => null),
    Infinity,
  )
})

test('a number counts, and without listeners there are none', async t => {
  const listeners = [{}] as never

  t.equal(frontEndsOf({ frontEnds: 3, listeners }), 3)
  t.equal(frontEndsOf({ frontEnds: 3, listeners: [] }), 0)
})

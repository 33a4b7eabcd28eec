// The generator, a process of its own: one task as JSON in its argument, one measurement as JSON on its output.

import type { Measurement, Task } from '../job.ts'
import { measureIdle } from './idle.ts'
import { measureKept } from './kept.ts'
import { measureRetained } from './retained.ts'
import { measureStorm } from './storm.ts'
import { measureTraffic } from './traffic.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task
const measurement = await measure(task)
process.stdout.write(JSON.stringify(measurement), () => process.exit(0))

function measure({ job }: Task): Promise<Measurement> {
  switch (job.kind) {
    case 'traffic':
      return measureTraffic(job, task)
    case 'idle':
      return measureIdle(job, task)
    case 'storm':
      return measureStorm(job, task)
    case 'retained':
      return measureRetained(job, task)
    case 'kept':
      return measureKept(job, task)
  }
}

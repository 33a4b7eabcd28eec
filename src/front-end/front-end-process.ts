// The program of a front end's process. It ends with the core.

import { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Order } from '../link/orders.ts'
import { usageOfProcess } from '../observe/resident-memory.ts'
import { giveUpRights } from './rights.ts'
import { FrontEnd } from './front-end.ts'
import { LINK_DESCRIPTOR } from './start-front-end.ts'

const FIGURES_MS = 1_000

const link = new Socket({ fd: LINK_DESCRIPTOR, readable: true, writable: true })
const frontEnd = new FrontEnd(link)

// Signals to all processes of a terminal or a service are the core's affair: it says goodbye to clients through this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

giveUpRights()
link.on('close', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.on('message', (order, socket) =>
  frontEnd.obey(order as Order, socket as Socket | undefined),
)

const delays = monitorEventLoopDelay({ resolution: 10 })
delays.enable()
tellFigures()
setInterval(tellFigures, FIGURES_MS)

function tellFigures(): void {
  const p99 = delays.percentile(99) / 1e6
  delays.reset()
  frontEnd.tellFigures({
    ...usageOfProcess(),
    loopDelayMs: Number.isFinite(p99) ? p99 : 0,
  })
}

// The end of all connections, in waves: clients that are disconnected at once would all come back at once, to this broker after its
// restart or to another one.

import type { Log } from '../observe/log.ts'
import type { Core } from './core.ts'

const WAVE_MS = 100
/** A wave is not smaller, so that a few clients are disconnected at once. */
const WAVE_CLIENTS_MIN = 200
const LOG_MS = 1_000

interface Drain {
  readonly core: Pick<Core, 'disconnectSome' | 'clientCount'>
  readonly log: Log
  /** The time over which the waves are divided. */
  readonly overMs: number
  readonly wait: (ms: number) => Promise<void>
}

/** Resolves when every client was sent DISCONNECT. Those who were connected longest are first. */
export async function disconnectInWaves({ core, log, overMs, wait }: Drain): Promise<void> {
  const clients = core.clientCount
  const waves = Math.max(1, Math.ceil(overMs / WAVE_MS))
  const waveClients = Math.max(WAVE_CLIENTS_MIN, Math.ceil(clients / waves))
  const isDivided = clients > waveClients
  let disconnected = core.disconnectSome(waveClients)
  for (let ms = 0; core.clientCount > 0; ms += WAVE_MS) {
    if (isDivided && ms % LOG_MS === 0) reportLeft(log, disconnected, core.clientCount)
    await wait(WAVE_MS)
    disconnected += core.disconnectSome(waveClients)
  }
  if (isDivided) reportLeft(log, disconnected, 0)
}

function reportLeft(log: Log, disconnected: number, left: number): void {
  log.info({ event: 'broker.draining', disconnected, left }, 'clients are disconnected in waves')
}

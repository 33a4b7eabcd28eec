// Reads everything that a store needs, and reports its content or its damage. It changes nothing.

import type { Disk } from '../disk.ts'
import { LogStore } from '../log/log-store.ts'
import type { Cut } from '../log/position.ts'
import { ReadOnlyDisk } from './read-only-disk.ts'

export interface StoreFigures {
  readonly sessions: number
  readonly subscriptions: number
  readonly messages: number
  readonly messageBytes: number
  readonly waiting: number
  readonly inFlight: number
  readonly retained: number
  readonly wills: number
  readonly segments: number
  readonly lastCommit: number
  /** The place at which the log ends irregularly, or null. */
  readonly cut: Cut | null
}

/** Reads the state without messages. Throws StoreDamaged. */
export function figuresOf(disk: Disk): StoreFigures {
  const log = new LogStore(new ReadOnlyDisk(disk))
  log.recover()
  const figures = figuresIn(log)
  log.close()
  return figures
}

/** Reads and verifies every message as well. Throws StoreDamaged for the first damaged one. */
export function verify(disk: Disk): StoreFigures {
  const log = new LogStore(new ReadOnlyDisk(disk))
  log.recover()
  for (const slot of log.ledger.messages.slots()) log.load(slot)
  const figures = figuresIn(log)
  log.close()
  return figures
}

function figuresIn(log: LogStore): StoreFigures {
  const { ledger, segments } = log
  let messageBytes = 0
  for (const slot of ledger.messages.slots()) messageBytes += ledger.messages.sizeOf(slot)
  const sessions = [...ledger.sessions.values()]
  const groups = [...ledger.queues.values()]
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
  return {
    sessions: sessions.length,
    subscriptions: sum(sessions.map(({ subscriptions }) => subscriptions.size)),
    messages: ledger.messages.count,
    messageBytes,
    waiting: sum([...sessions, ...groups].map(({ waiting }) => waiting.count)),
    inFlight: sum(sessions.map(({ sent }) => sent.size)),
    retained: ledger.retained.size,
    wills: ledger.wills.size,
    segments: segments.numbers().length,
    lastCommit: segments.position.commit,
    cut: log.cut,
  }
}

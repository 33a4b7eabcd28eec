// Log lines about the store that was opened: its durability, what it holds, and what was wrong with it.

import type { Broker } from '../broker/broker.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'
import type { ClockReport } from '../store/broker-clock.ts'
import { FileStore } from '../store/file-store.ts'
import { JetStreamStore } from '../store/jetstream/jetstream-store.ts'
import type { Snapshot, Store } from '../store/store.ts'
import { storeDirectory } from './create-store.ts'

export function reportStore(log: Log, store: Store, snapshot: Snapshot, config: Config): void {
  const isFile = store instanceof FileStore
  const isInStream = store instanceof JetStreamStore
  log.info(
    {
      event: 'store.opened',
      durability: store.durability,
      ...(isFile && { directory: storeDirectory(config) }),
      ...(isInStream && streamOf(config)),
      sessions: snapshot.sessions.length,
      retainedMessages: snapshot.retained.length,
    },
    'store opened',
  )
  if (!isFile) return
  const { cut, clock } = store.opening
  if (cut !== null) {
    log.warn(
      { event: 'store.cut', ...cut },
      'the log did not end as it is left, and was cut there: after a crash this is a commit that nobody was told of; otherwise something has changed the file',
    )
  }
  reportClock(log, clock)
}

function streamOf({ store: { jetstream } }: Config): object {
  return { stream: jetstream?.stream, servers: jetstream?.servers, replicas: jetstream?.replicas }
}

/** After a restart with an older version, which cannot read what a newer one has stored. */
export function reportExpressions(log: Log, broker: Broker): void {
  if (broker.expressions.count === 0) return
  reportSubscriptions(log, broker)
  reportQueues(log, broker)
}

function reportSubscriptions(log: Log, { expressions, sessions }: Broker): void {
  let subscriptions = 0
  let first: { readonly clientId: string; readonly filter: string; readonly where: string } | null =
    null
  for (const { clientId, subscriptions: all } of sessions.all()) {
    for (const { filter, where } of all.values()) {
      if (where === undefined || !expressions.isUnreadable(where)) continue
      subscriptions += 1
      first ??= { clientId, filter, where }
    }
  }
  if (first === null) return
  log.warn(
    { event: 'subscription.unreadable', subscriptions, ...first },
    'subscriptions of the store get nothing: their expressions cannot be read by this version',
  )
}

function reportQueues(log: Log, { expressions, subscriptions }: Broker): void {
  const queues = subscriptions.queues.all.filter(({ settings }) =>
    expressions.isUnreadable(settings.where),
  )
  const [first] = queues
  if (first === undefined) return
  const { name, settings } = first
  log.warn(
    { event: 'queue.unreadable', queues: queues.length, queue: name, where: settings.where },
    'queues of the store take in nothing by their filters: their expressions cannot be read by this version',
  )
}

function reportClock(log: Log, { oddity, awayMs }: ClockReport): void {
  const fields = { event: 'clock', oddity, awaySeconds: Math.round(awayMs / 1_000) }
  switch (oddity) {
    case 'none':
      return
    case 'set':
      log.info(
        fields,
        'the clock of the machine was set: the broker goes by its clock since the boot',
      )
      return
    case 'gone-back':
      log.warn(
        fields,
        'the machine was started anew and its clock has gone back: how long the broker was away is not known, and counts as nothing',
      )
      return
    case 'long-away':
      log.warn(
        fields,
        'the machine was started anew, and by its clock the broker was away for long: if that clock was or is wrong, sessions and messages end too early',
      )
      return
    case 'unreadable':
      log.warn(
        fields,
        'the file clock in the directory of the store is not as it was written: the time of day is believed',
      )
  }
}

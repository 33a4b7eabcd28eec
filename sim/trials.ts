// The parts that a world is made of: the real store, and faulty parts that the oracle must detect.

import { LogStore } from '../src/store/log/log-store.ts'
import { SingleFileCore } from './single-file-core.ts'
import type { Message } from '../src/message.ts'
import type { Change } from '../src/store/change.ts'
import type { SimDisk } from './sim-disk.ts'
import type { Trial } from './world.ts'

export const REAL: Trial = {
  makeCore: (disk, settings) =>
    new LogStore(disk, {
      durability: settings.durability,
      segmentBytes: settings.segmentBytes,
      checkpointBytes: settings.checkpointBytes,
      pageMessages: settings.pageMessages,
      reserveBytes: 0,
      salt: () => 0x5a17,
    }),
}

export const PLAIN: Trial = { makeCore: disk => new SingleFileCore(disk, true) }

class ForgetfulCore extends SingleFileCore {
  readonly #forgotten: Change['kind']

  constructor(disk: SimDisk, forgotten: Change['kind']) {
    super(disk, true)
    this.#forgotten = forgotten
  }

  override commit(changes: readonly Change[]): void {
    super.commit(changes.filter(({ kind }) => kind !== this.#forgotten))
  }
}

/** A store that writes the last message of a transaction with the next commit. */
class TearingCore extends SingleFileCore {
  #late: readonly Change[] = []

  override commit(changes: readonly Change[]): void {
    const isDecided = changes.some(({ kind }) => kind === 'decided')
    const end = isDecided ? changes.findLastIndex(({ kind }) => kind === 'message-stored') : -1
    super.commit([...this.#late, ...changes.slice(0, end === -1 ? undefined : end)])
    this.#late = end === -1 ? [] : changes.slice(end)
  }
}

export const TEARS_TRANSACTIONS: Trial = { makeCore: disk => new TearingCore(disk, true) }

/** A store that does not store changes of this kind. */
export function forgetting(kind: Change['kind']): Trial {
  return { makeCore: disk => new ForgetfulCore(disk, kind) }
}

export const WITHOUT_SYNC: Trial = { makeCore: disk => new SingleFileCore(disk, false) }

export const ANSWERS_TOO_EARLY: Trial = { ...PLAIN, answersTooEarly: true }

export const DRAINS_PAST_A_MARK: Trial = { ...PLAIN, drainBytesMin: 16_384 }

export const WITHOUT_ORDER: Trial = {
  ...PLAIN,
  ofQueue: settings => ({ ...settings, order: 'parallel', latestByKey: false }),
}

export const WITHOUT_WHERE: Trial = { ...PLAIN, ofQueue: settings => ({ ...settings, where: '' }) }

/** The interval of a conflated topic never ends. */
export const FORGETS_INTERVALS: Trial = {
  ...PLAIN,
  spoils: ({ conflating }) => {
    conflating.setDeadline = () => {}
  },
}

/** A transaction settles also what its client does not hold any more. */
export const WITHOUT_FENCE: Trial = {
  ...PLAIN,
  spoils: ({ heldMessages }) => {
    const find = heldMessages.find.bind(heldMessages)
    const nothing = {
      queue: '',
      isHeld: true,
      settle: () => {},
      giveBack: () => {},
      lock: () => {},
    }
    heldMessages.find = (clientId, deliveryId) =>
      find(clientId, deliveryId) ?? { ...nothing, deliveryId }
  },
}

/** Every third time the broker does not find what a consumer holds. */
export const LOSES_HOLDS: Trial = {
  ...PLAIN,
  spoils: ({ heldMessages }) => {
    const find = heldMessages.find.bind(heldMessages)
    let count = 0
    heldMessages.find = (clientId, deliveryId) => {
      count += 1
      return count % 3 === 0 ? null : find(clientId, deliveryId)
    }
  },
}

/** The messages of a transaction are published from the last to the first. */
export const REVERSES_TRANSACTIONS: Trial = {
  ...PLAIN,
  spoils: broker => {
    const { publishing } = broker
    const accept = publishing.acceptStaged.bind(publishing)
    const withinTransaction = broker.withinTransaction.bind(broker)
    let staged: Message[] = []
    publishing.acceptStaged = message => {
      staged.push(message)
      return 0
    }
    broker.withinTransaction = apply =>
      withinTransaction(() => {
        apply()
        for (const message of staged.toReversed()) accept(message)
        staged = []
      })
  },
}

/** What was prepared and is aborted is published all the same. */
export const PUBLISHES_WHAT_IS_ABORTED: Trial = {
  ...PLAIN,
  spoils: ({ transactions: { undecided } }) => {
    undecided.abort = prepared => undecided.commit(prepared)
  },
}

/** The messages of a prepared transaction stay in the store. */
export const KEEPS_WHAT_IS_DECIDED: Trial = {
  ...PLAIN,
  spoils: ({ journal }) => {
    const record = journal.record.bind(journal)
    journal.record = change => {
      if (change.kind !== 'released') record(change)
    }
  },
}

/** Clients are asked about transactions of nobody. */
export const ASKS_ABOUT_OTHERS: Trial = {
  ...PLAIN,
  spoils: ({ publishing }) => {
    const publishTo = publishing.publishTo.bind(publishing)
    publishing.publishTo = (session, message, options) => {
      const isQuestion = message.topic === '$tx/undecided'
      const said = isQuestion ? { ...message, payload: Buffer.from('["nobody.1"]') } : message
      publishTo(session, said, options)
    }
  },
}

/** Nobody is told on `$tx/outcome`. */
export const TELLS_NO_OUTCOMES: Trial = {
  ...PLAIN,
  spoils: ({ publishing }) => {
    const publishTo = publishing.publishTo.bind(publishing)
    publishing.publishTo = (session, message, options) => {
      if (message.topic !== '$tx/outcome') publishTo(session, message, options)
    }
  },
}

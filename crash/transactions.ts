// What transactions of the crash test publish, and the named queues whose messages they settle.

const SETTINGS = { deliveriesMax: 65_535, retryDelaySeconds: 0, ackDeadlineSeconds: 2 } as const

export const INPUTS = {
  orders: { order: 'keyed', key: 'topic', filters: ['crash/orders/#'], ...SETTINGS },
  tasks: { order: 'parallel', filters: ['crash/tasks/#'], ...SETTINGS },
} as const

export type InputQueue = keyof typeof INPUTS

/** The client ids of publishers that fill these queues begin with this. */
export const FEEDER = 'feeder-'
/** The client ids of those that make transactions begin with this. */
export const TRANSACTOR = 'tx-'
/** All that transactions publish is below this. */
export const TRANSACTION_FILTER = 'crash/tx/#'

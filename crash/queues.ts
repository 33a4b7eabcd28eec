// The named queues of the broker under test, as its configuration has them.

const RETRIES = { deliveriesMax: 3, retryDelaySeconds: 0, ackDeadlineSeconds: 2 } as const

export const QUEUES = {
  parallel: { order: 'parallel', filters: ['crash/queue/parallel/#'], ...RETRIES },
  fifo: { order: 'fifo', filters: ['crash/queue/fifo/#'], ...RETRIES },
  keyed: { order: 'keyed', key: 'topic', filters: ['crash/queue/keyed/#'], ...RETRIES },
} as const

export type QueueName = keyof typeof QUEUES

export const DEAD = '.dead'
/** The client ids of publishers that fill queues begin with this. */
export const FILLER = 'filler-'

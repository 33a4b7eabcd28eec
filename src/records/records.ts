// What has happened: all that the broker writes down about its clients and itself, in bounded memory, for whoever asks later.

import type { Broker } from '../broker/broker.ts'
import { BadEnds } from './bad-ends.ts'
import { CountedNames } from './counted-names.ts'
import { RecordObserver } from './record-observer.ts'
import { RefusedClients } from './refused-clients.ts'
import { Timelines } from './timelines.ts'

interface RecordsOptions {
  readonly broker: Broker
  readonly timelineBytesMax: number
  /** Returns the time of day in milliseconds. */
  readonly now: () => number
  /** Whether there is a file of users, so that a refused client can be added to it. */
  readonly hasUsers: boolean
}

export class Records {
  readonly timelines: Timelines
  readonly badEnds: BadEnds
  readonly refusedClients: RefusedClients

  constructor({ broker, timelineBytesMax, now, hasUsers }: RecordsOptions) {
    this.timelines = new Timelines(timelineBytesMax, now)
    this.badEnds = new BadEnds(now)
    this.refusedClients = new RefusedClients(now, hasUsers)
    const { timelines, badEnds, refusedClients } = this
    const drops = new CountedNames()
    const refusals = new CountedNames()
    broker.faults.observers.add(
      new RecordObserver({ timelines, badEnds, refusedClients, drops, refusals }),
    )
  }
}

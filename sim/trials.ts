// What a world is built upon: the store as it is, and the faulty parts with which the oracle itself is tried.

import { LogStore } from '../src/store/log/log-store.ts'
import { SingleFileCore } from './single-file-core.ts'
import type { Trial } from './world.ts'

export const REAL: Trial = {
  makeCore: (disk, weather) =>
    new LogStore(disk, {
      durability: weather.durability,
      segmentBytes: weather.segmentBytes,
      checkpointBytes: weather.checkpointBytes,
      pageMessages: weather.pageMessages,
      reserveBytes: 0,
      salt: () => 0x5a17,
    }),
}

export const PLAIN: Trial = { makeCore: disk => new SingleFileCore(disk, true) }

export const WITHOUT_SYNC: Trial = { makeCore: disk => new SingleFileCore(disk, false) }

export const ANSWERS_TOO_EARLY: Trial = { ...PLAIN, answersTooEarly: true }

export const DRAINS_PAST_A_MARK: Trial = { ...PLAIN, drainBytesMin: 16_384 }

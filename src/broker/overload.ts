// How much more the broker is asked for than it can do, and what it does not do meanwhile. The levels are set from outside:
// see overload-levels.ts. The packet path reads only the booleans.

import { CALM, highest, type OverloadLevel, type SensorLevels } from './overload-levels.ts'

/** At level 1 and above, new clients of MQTT 5 get this part of `limits.receiveMax`. */
const RECEIVE_PART = 1 / 4

export class Overload {
  levels: SensorLevels = CALM
  /** The highest level of all sensors. */
  level: OverloadLevel = 0
  /** Whether some PUBLISH packets must wait: from level 2 on. */
  pausesSome = false
  /** Whether all of them must wait, messages of QoS 0 are dropped instead of sent, and CONNECT is refused. */
  pausesAll = false
  /** Whether little memory is left, so that little may wait for each client. */
  isShortOfMemory = false
  /** Whether clients with much that waits for them are disconnected: only that gives their memory back. */
  closesConsumers = false
  /** Whether the disk has too little room left for messages. */
  isDiskFull = false

  set(levels: SensorLevels): void {
    this.levels = levels
    this.level = highest(levels)
    this.pausesSome = this.level >= 2
    // On a full disk what must be stored is refused, which needs no pause. What clients acknowledge makes room.
    this.pausesAll = highest({ ...levels, disk: 0 }) === 3
    this.isShortOfMemory = levels.memory > 0
    this.closesConsumers = levels.memory === 3
    this.isDiskFull = levels.disk === 3
  }

  /** Returns the Receive Maximum of a new client. */
  receiveMaxOf(receiveMax: number): number {
    return this.level === 0 ? receiveMax : Math.max(1, Math.floor(receiveMax * RECEIVE_PART))
  }
}

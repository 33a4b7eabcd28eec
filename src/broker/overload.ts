// The level of overload, and what the broker does less of at that level. The levels are set from outside: see overload-levels.ts.
// The packet path reads only the booleans.

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
  /** Whether little memory is left: then only few bytes may wait for each client. */
  isShortOfMemory = false
  /** Whether the clients with the largest backlog are disconnected, because nothing else frees their memory. */
  closesConsumers = false
  /** Whether the disk has too little room left for messages. */
  isDiskFull = false

  set(levels: SensorLevels): void {
    this.levels = levels
    this.level = highest(levels)
    this.pausesSome = this.level >= 2
    // A full disk needs no pause: what must be stored is refused, and acknowledgements make room.
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

// The topic at which clients give commands about the broker itself, as in mosquitto. Without one, nobody may publish to `$CONTROL`.

import type { Identity } from '../access/identity.ts'
import type { NotAdmitted } from './not-admitted.ts'

export interface ControlTopic {
  readonly topic: string
  /** Whether this client may give commands. Its permissions have allowed the topic already. */
  mayCommand(identity: Identity): boolean
  /** Returns why the commands are not taken; null when they are. Their answer comes later, as a message to this client. */
  command(payload: Buffer, clientId: string): NotAdmitted | null
}

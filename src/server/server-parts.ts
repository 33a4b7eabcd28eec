// What an embedding program may supply to a server.

import type { Access } from '../access/access.ts'
import type { Authenticator } from '../access/authenticator.ts'
import type { ConfigOrigin } from '../config/entries.ts'
import type { LogOutput } from '../observe/log-output.ts'
import type { Store } from '../store/store.ts'

/** The parts that an embedding program may supply. The others are made from the configuration. */
export interface ServerParts {
  readonly access?: Access
  /** An authenticator beside those of the configuration. */
  readonly code?: Authenticator
  readonly store?: Store
  /** How many milliseconds a hook may take. */
  readonly hookMsMax?: number
  /** Is called before the listeners open. */
  readonly setUp?: () => Promise<void>
  /** Where the configuration was read. Left out: a program has made it. */
  readonly origin?: ConfigOrigin
  /** The output of the log, if it can leave lines out. */
  readonly logOutput?: Pick<LogOutput, 'hasRoom' | 'linesLeftOut'>
  /** A commit failed: by default the process ends with status 74 (an I/O error). */
  readonly commitFailed?: (error: Error) => void
  /** A change of the broker's state has thrown: nothing is sent any more. By default the error is thrown, and ends the process. */
  readonly stateFailed?: (error: Error) => void
}

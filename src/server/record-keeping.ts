// Keeps the records of a server: a sample each second, a look at all sessions every five, the history in a file.

import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import type { Identity } from '../access/identity.ts'
import { NOTHING, type Permissions } from '../access/permissions.ts'
import type { Config } from '../config/config-types.ts'
import type { Readings } from '../broker/overload-levels.ts'
import type { Log } from '../observe/log.ts'
import { usageOfProcess } from '../observe/resident-memory.ts'
import type { AlarmSources, ListenerCertificate } from '../records/alarms.ts'
import { CENSUS_MS } from '../records/census.ts'
import { HistoryFile } from '../records/history-file.ts'
import type { Latencies } from '../records/latencies.ts'
import type { LogLines } from '../records/log-lines.ts'
import { Records } from '../records/records.ts'
import type { Core } from './core.ts'
import { directoryOf } from './create-store.ts'
import { timelineBytesMaxOf } from './memory-bounds.ts'
import { LOOP_SAMPLE_MS } from './overload-sensors.ts'

const SAMPLE_MS = 1_000
const FILE_MS = 300_000
const CERTIFICATES_MS = 600_000

interface RecordKeepingOptions {
  readonly core: Core
  readonly config: Config
  readonly log: Log
  readonly latencies: Latencies
  readonly logLines: LogLines
  readonly troubles: () => readonly string[]
  readonly connectionsRefused: () => Readonly<Record<string, number>>
  readonly bridges: AlarmSources['bridges']
}

export class RecordKeeping {
  readonly records: Records
  /** Free space on the disk of the store, as the sensor of overload has read it; null if it is not known. */
  storeFreeBytes: number | null = null
  readonly #options: RecordKeepingOptions
  #file: HistoryFile | null = null
  #timers: NodeJS.Timeout[] = []
  /** Those of the listeners, as they were read last. */
  certificates: readonly ListenerCertificate[] = []
  #isFileBroken = false

  constructor(options: RecordKeepingOptions) {
    this.#options = options
    const { core, config, latencies, logLines, troubles, connectionsRefused, bridges } = options
    this.records = new Records({
      broker: core.broker,
      latencies,
      logLines,
      timelineBytesMax: timelineBytesMaxOf(config.observe.timelineBytes),
      now: Date.now,
      monotonicMs: () => performance.now(),
      later: proceed => setImmediate(proceed),
      after: (milliseconds, act) => setTimeout(act, milliseconds).unref(),
      sockets: () => core.sockets,
      permissionsOf: identity => rightsOf(core, identity),
      hasUsers: config.access.usersFile !== undefined,
      usage: usageOfProcess,
      state: {
        storeFreeBytes: () => this.storeFreeBytes ?? NaN,
        troubles,
        certificates: () => this.certificates,
        connectionsRefused,
        bridges,
      },
    })
  }

  /** The store is open. */
  start(): void {
    const { core, config, log } = this.#options
    const { records } = this
    const directory = directoryOf(core.store, config)
    if (directory !== null) {
      this.#file = new HistoryFile(directory)
      const cause = this.#file.readInto(records.history)
      if (cause !== null) log.warn({ event: 'history.ignored', cause }, 'charts begin anew')
    }
    this.readCertificates()
    this.#timers = [
      every(SAMPLE_MS, () => records.tick()),
      every(CENSUS_MS, () => records.census.begin()),
      every(FILE_MS, () => void this.#write()),
      every(CERTIFICATES_MS, () => this.readCertificates()),
    ]
  }

  /** The sensors of overload were read. */
  read({ loopDelayMs, disk }: Readings): void {
    // Node's figure contains the time between two samples.
    const delayMs = Math.max(0, loopDelayMs - LOOP_SAMPLE_MS)
    this.#options.latencies.loopDelay.add(delayMs / 1_000)
    this.storeFreeBytes = disk?.freeBytes ?? null
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    await this.#write()
  }

  /** Reads when the certificates of the listeners expire. One that cannot be read is the listener's to report. */
  readCertificates(): void {
    const names = this.#options.config.listeners.flatMap(({ tls }) =>
      tls?.certFile === undefined ? [] : [tls.certFile],
    )
    this.certificates = [...new Set(names)].flatMap(name => {
      try {
        const { subject, validTo } = new X509Certificate(readFileSync(name))
        return [{ name, subject, notAfter: Date.parse(validTo) }]
      } catch {
        return []
      }
    })
  }

  async #write(): Promise<void> {
    const cause = (await this.#file?.write(this.records.history)) ?? null
    if (cause !== null && !this.#isFileBroken) {
      this.#options.log.warn(
        { event: 'history.unwritten', cause },
        'charts are kept in memory only',
      )
    }
    this.#isFileBroken = cause !== null
  }
}

/** None where nothing is known of the client, or where the access of a program throws. */
function rightsOf(core: Core, identity: Identity): Permissions {
  try {
    return core.permissionsOf(identity) ?? NOTHING
  } catch {
    return NOTHING
  }
}

function every(milliseconds: number, act: () => void): NodeJS.Timeout {
  return setInterval(act, milliseconds).unref()
}

// The server: makes the parts around the core (log, clock, store, listeners) from a configuration, and starts and stops them in order.

import type { Duplex } from 'node:stream'
import { randomBytes } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import type { Access } from '../access/access.ts'
import type { Authenticator } from '../access/authenticator.ts'
import { Api } from '../api/api.ts'
import { bridgedAccess } from '../bridge/bridge-access.ts'
import { type Leaving, leavingFor } from '../broker/leaving.ts'
import type { FaultPlace } from '../broker/observer.ts'
import type { Config } from '../config/config-types.ts'
import type { ConfigOrigin } from '../config/entries.ts'
import { hookedAccess } from '../hooks/hooked-access.ts'
import { HookRegistry } from '../hooks/registry.ts'
import { Alarm, Clock } from '../loop/clock.ts'
import type { Log } from '../observe/log.ts'
import { containedLog } from '../observe/contained-log.ts'
import { LogObserver } from '../observe/log-observer.ts'
import { loginHint } from '../observe/login-hint.ts'
import { RatedLog } from '../observe/rated-log.ts'
import type { Status } from '../observe/status.ts'
import { SysFigures } from '../observe/sys-figures.ts'
import { SYS_INTERVAL_MS, SysTopics } from '../observe/sys-topics.ts'
import { VERSION } from '../observe/version.ts'
import { webPage } from '../observe/web-page.ts'
import { Latencies } from '../records/latencies.ts'
import { LogLines } from '../records/log-lines.ts'
import type { Records } from '../records/records.ts'
import { FileStore } from '../store/file-store.ts'
import { thrownSentence } from '../thrown.ts'
import type { Acceptance, Peer, Wire } from '../transport/wire.ts'
import { Backups } from './backups.ts'
import { Bridges } from './bridges.ts'
import { allProblems } from './config-problems.ts'
import { Realms } from './realms.ts'
import { Core } from './core.ts'
import { createStore, directoryOf, storeDirectory } from './create-store.ts'
import { disconnectInWaves } from './drain.ts'
import { fullnessSentence, Listeners } from './listeners.ts'
import { withMemoryBounds } from './memory-bounds.ts'
import { OverloadWatch, overloadWatch } from './overload-watch.ts'
import { committedWithin, endOfProcess, socketsEnded } from './last-steps.ts'
import { levelOf, setLevelOf } from './log-level.ts'
import { RecordKeeping } from './record-keeping.ts'
import { checkCertificatesAgain, revocationOf } from './revocation.ts'
import type { ServerParts } from './server-parts.ts'
import { ShareFile } from './share-file.ts'
import { queueSettingsOf } from './queue-settings.ts'
import { shareSettingsOf } from './share-settings.ts'
import { StartError } from './start-error.ts'
import { statusSource } from './status-source.ts'
import { reportExpressions, reportStore } from './store-report.ts'
import { wireOver } from './streams.ts'
import { contained, webUrlOf } from './web-requests.ts'

interface RunningServer {
  readonly listeners: readonly { readonly name: string; readonly port: number }[]
  close(): Promise<void>
  reloadCertificates(): Promise<void>
  renewCertificates(): Promise<void>
  reloadAccess(): void
}

export async function startServer(
  config: Config,
  log: Log,
  parts: ServerParts = {},
): Promise<Server> {
  const server = new Server(config, log, parts)
  await server.start()
  return server
}

// Wide on purpose: a field for each part around the core, which it makes, starts and stops in order.
export class Server implements RunningServer {
  readonly core: Core
  readonly hooks: HookRegistry
  readonly api: Api
  readonly #config: Config
  readonly #log: RatedLog
  #logTicks: NodeJS.Timeout | undefined
  #sysTicks: NodeJS.Timeout | undefined
  readonly #clock = new Clock()
  readonly #alarm: Alarm
  readonly #setUp: () => Promise<void>
  readonly #listeners: Listeners
  readonly #status: () => Status
  readonly #latencies = new Latencies(monotonicMs)
  readonly #sysFigures = new SysFigures()
  readonly #logLines = new LogLines(Date.now)
  readonly #keeping: RecordKeeping
  readonly #shareFile: ShareFile
  readonly #bridges: Bridges
  /** Null if it is switched off. */
  #overload: OverloadWatch | null = null
  /** Null if nothing is stored on a disk. */
  #backups: Backups | null = null
  #isClosing = false
  /** Null if an embedding program supplies the access. */
  #access: Realms | null = null

  constructor(config: Config, log: Log, parts: ServerParts) {
    this.#config = config
    this.#bridges = new Bridges(config)
    this.#setUp = parts.setUp ?? (async () => {})
    this.#log = new RatedLog(
      containedLog(this.#logLines.of(log), () => (this.core.broker.statistics.hookErrors += 1)),
      { bounds: config.log, now: monotonicMs, hasRoom: () => parts.logOutput?.hasRoom !== false },
    )
    this.#alarm = new Alarm(this.#clock, () => this.core.turn.begin())
    this.core = this.#assemble(parts)
    this.#shareFile = new ShareFile(this.core.broker.subscriptions.groups.overrides, this.#log)
    this.hooks = new HookRegistry(this.core, { answerMsMax: parts.hookMsMax })
    this.#keeping = new RecordKeeping({
      core: this.core,
      config,
      log: this.#log,
      latencies: this.#latencies,
      logLines: this.#logLines,
      troubles: () => this.#access?.troubles ?? [],
      connectionsRefused: () => this.#listeners.counts.reached,
      bridges: () => this.#bridges.statuses,
    })
    this.#status = statusSource(this.core, parts.logOutput, this.#access, () => ({
      limited: this.#limited(),
      census: this.records.census,
      bridges: this.#bridges.states,
      frontEnds: this.#listeners.frontEnds?.statuses ?? [],
    }))
    const page = webPage({
      status: this.#status,
      timings: this.#latencies,
      sysFigures: this.#sysFigures,
      compat: config.metrics.compat,
      queues: () => this.core.broker.subscriptions.queues.all,
      hasDashboard: config.dashboard.enabled,
      isReady: () => this.core.broker.leaving === null,
      accessTroubles: () => this.#access?.troubles ?? [],
    })
    const tokens = this.#access?.tokenEndpoint(() => this.core) ?? null
    this.api = this.#apiWith(log, parts.origin ?? null)
    this.#listeners = new Listeners({
      config,
      log: this.#log,
      certificatesChanged: () => void this.renewCertificates(),
      accept: (wire, acceptance) => this.accept(wire, acceptance),
      strangers: this.core.strangers,
      strangerClosed: () => (this.core.broker.statistics.strangersClosed += 1),
      onRequest: contained(
        (request, response, from) => {
          if (tokens?.handles(request, response, from) === true) return
          if (!this.api.handles(request, response, from)) page(request, response)
        },
        error => this.#failed('web page', error),
      ),
    })
  }

  #apiWith(log: Log, origin: ConfigOrigin | null): Api {
    return new Api({
      core: this.core,
      config: this.#config,
      origin,
      configProblems: wanted => allProblems(wanted, origin?.file ?? null),
      log: this.#log,
      now: this.#clock.now,
      status: this.#status,
      storeFreeBytes: () => this.#keeping.storeFreeBytes,
      records: this.#keeping.records,
      shareSettings: this.#shareFile,
      permissionsOf: identity => this.core.permissionsOf(identity),
      webUrl: () => webUrlOf(this.listeners),
      bridges: () => this.#bridges.statuses,
      listeners: () => this.#listeners.all,
      certificates: () => this.#keeping.certificates,
      approvals: this.#access?.approvals ?? null,
      reloadAccess: () => this.reloadAccess(),
      reloadCertificates: () => this.reloadCertificates(),
      backups: () => this.#backups,
      getLogLevel: () => levelOf(log),
      setLogLevel: level => setLevelOf(log, level),
      drain: seconds => {
        void this.drain(seconds)
        return this.core.clientCount
      },
      failed: error => this.#failed('web page', error),
    })
  }

  #assemble(parts: ServerParts): Core {
    const config = this.#config
    return new Core({
      limits: withMemoryBounds(config.limits),
      share: shareSettingsOf(config, Math.random),
      subscriptions: config.subscriptions,
      queues: queueSettingsOf(config, Math.random),
      store: parts.store ?? createStore(config),
      storesSessions: parts.store !== undefined || config.store.durability !== 'memory',
      access: bridgedAccess(
        hookedAccess(parts.access ?? this.#ownAccess(parts.code), () => this.hooks),
        this.#bridges,
      ),
      checksRetainSource: config.access.checkRetainSource !== false,
      observers: [
        new LogObserver(this.#log, {
          receiveRule: (clientId, topic) =>
            this.core.broker.sessions.get(clientId)?.rights.receiveRule(topic) ?? null,
          ...(config.access.usersFile !== undefined && { hint: loginHint }),
        }),
      ],
      log: this.#log,
      responseInformation: config.responseInformation,
      clientIdPattern: config.access.clientIdPattern,
      newClientId: () => `auto-${randomBytes(12).toString('hex')}`,
      now: this.#clock.now,
      schedule: setImmediate,
      wakeAt: time => this.#alarm.set(time),
      watch: this.#latencies,
      turnEnded: () => this.#overload?.turnEnded(),
      commitFailed: parts.commitFailed ?? (error => this.#commitFailed(error)),
      stateFailed: parts.stateFailed ?? endOfProcess,
    })
  }

  #tick(): void {
    this.#log.tick()
    this.api.loadIfIdle()
  }

  #ownAccess(code?: Authenticator): Access {
    this.#access = new Realms(this.#config, this.#log, code)
    return this.#access.access
  }

  get listeners(): readonly { readonly name: string; readonly port: number }[] {
    return this.#listeners.all
  }

  get records(): Records {
    return this.#keeping.records
  }

  get connectionCount(): number {
    return this.core.sockets.size
  }

  get status(): Status {
    return this.#status()
  }

  async start(): Promise<void> {
    this.#logTicks = setInterval(() => this.#tick(), TICK_MS).unref()
    const { broker, store } = this.core
    const snapshot = await store.open().catch((error: unknown) => {
      throw new StartError(error, { kind: 'store' })
    })
    if (store instanceof FileStore) this.#clock.setAhead(store.opening.clock.aheadMs)
    reportStore(this.#log, store, snapshot, this.#config)
    const directory = directoryOf(store, this.#config)
    if (directory !== null) this.#shareFile.open(directory)
    this.core.restore(snapshot)
    reportExpressions(this.#log, broker)
    this.#overload = overloadWatch(this.core, this.#config, this.#log, {
      now: this.#clock.now,
      read: readings => this.#keeping.read(readings),
    })
    this.#keeping.start()
    if (directory !== null) this.api.open(directory)
    if (store instanceof FileStore) this.#backups = new Backups(storeDirectory(this.#config))
    this.#access?.watch(this.core)
    broker.publishing.announce('$SYS/broker/store/durability', store.durability)
    try {
      await this.#setUp()
      await this.#bridges.start(this.core, this.#log, (stream, peer) =>
        this.#serveOwn(stream, peer),
      )
      await this.#listeners.start()
    } catch (error) {
      await this.close()
      throw error
    }
    this.#overload?.start()
    const announce = this.#announcing()
    announce()
    this.#sysTicks = setInterval(announce, SYS_INTERVAL_MS).unref()
  }

  /** Serves the client at the other end of the wire. */
  accept(wire: Wire, acceptance?: Acceptance): void {
    const { connectionsMax } = this.#config.limits
    if (this.#isClosing || this.connectionCount >= connectionsMax) {
      if (!this.#isClosing) this.#refuse(wire.peer, connectionsMax)
      wire.destroy()
      return
    }
    this.#serve(wire, acceptance)
  }

  #serve(wire: Wire, acceptance?: Acceptance): void {
    try {
      this.core.accept(wire, acceptance)
    } catch (error) {
      this.#failed('connection', error)
      wire.destroy()
    }
  }

  /** The broker's own connections have a place also when clients have all others. */
  #serveOwn(stream: Duplex, peer: Partial<Peer>): Peer {
    const wire = wireOver(stream, peer, error => this.#failed('stream', error))
    if (this.#isClosing) wire.destroy()
    else this.#serve(wire)
    return wire.peer
  }

  /** Serves the client at the other end of a stream that an embedding program supplies. Returns the far end, as hooks see it. */
  handle(stream: Duplex, peer: Partial<Peer> = {}): Peer {
    const wire = wireOver(stream, peer, error => this.#failed('stream', error))
    this.accept(wire)
    return wire.peer
  }

  /** Reloads users and rules. Throws when a file is wrong; then the earlier ones stay in use. */
  reloadAccess(): void {
    this.#access?.reload()
  }

  /** Reads certificates and lists of revoked ones again, and disconnects clients whose certificate is revoked by now. */
  async reloadCertificates(): Promise<void> {
    await this.#listeners.reload()
    const disconnected = checkCertificatesAgain(this.core, peer =>
      this.#listeners.hasRevoked(peer) ? revocationOf(peer) : null,
    )
    this.#log.info({ event: 'certificates.reloaded', disconnected }, 'certificates were read anew')
  }

  /** The same. If a file is wrong, the log says so. */
  async renewCertificates(): Promise<void> {
    try {
      await this.reloadCertificates()
    } catch (error) {
      const cause = thrownSentence(error)
      this.#log.error({ event: 'certificates.kept', cause }, 'the old certificates stay')
    }
  }

  /** Stops accepting, sends waiting packets and DISCONNECT to every client, then closes the store. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#bridges.close()
    this.#isClosing = true
    this.#overload?.close()
    const { core } = this
    core.commands.close(Object.assign(new Error('the broker is closed'), { code: 'ERR_CLOSED' }))
    const drainMs = this.#config.shutdown.drainSeconds * 1_000
    this.#listeners.close()
    core.leave(this.#leaving('the broker is stopping'))
    await this.#disconnectAll(drainMs / 2)
    core.disconnectSome(Infinity)
    await socketsEnded(core, drainMs)
    await this.#listeners.ended()
    await new Promise(resolve => setImmediate(resolve))
    await committedWithin(core, drainMs)
    core.turn.stop()
    core.commands.flush(core.journal.committed)
    core.commands.fail(new Error('the broker was closed before this was stored'))
    this.#alarm.set(Infinity)
    await this.#keeping.close()
    await core.store.close()
    await this.#access?.close()
    clearInterval(this.#logTicks)
    clearInterval(this.#sysTicks)
    this.#log.close()
  }

  /**
   * Lets no more clients in and disconnects all in waves, before a planned stop. The web page goes on; `/readyz` answers 503.
   * Resolves when all were disconnected. `seconds` is the least time for it.
   */
  async drain(seconds = 0): Promise<void> {
    this.core.leave(this.#leaving('the broker is draining'))
    await this.#disconnectAll(Infinity, seconds * 1_000)
    this.#log.info({ event: 'broker.drained' }, 'no client is connected any more')
  }

  #leaving(sentence: string): Leaving {
    return leavingFor(sentence, this.#config.shutdown.serverReference ?? null)
  }

  #disconnectAll(overMsMax: number, overMsMin = 0): Promise<void> {
    const { core } = this
    const rateMs = (core.clientCount * 1_000) / this.#config.shutdown.disconnectsPerSecond
    const overMs = Math.max(overMsMin, Math.min(overMsMax, rateMs))
    return disconnectInWaves({ core, log: this.#log, overMs, wait: after })
  }

  /** Returns a function that announces in $SYS what has changed. */
  #announcing(): () => void {
    const { turn, broker } = this.core
    const announce = broker.publishing.announce.bind(broker.publishing)
    const topics = new SysTopics(announce, this.#sysFigures)
    let last = monotonicMs()
    return () => {
      if (this.#isClosing || turn.hasFailed) return
      turn.begin()
      const now = monotonicMs()
      const heapBytes = getHeapStatistics().used_heap_size
      const { statistics } = broker
      const sources = { version: VERSION, status: this.#status(), statistics, heapBytes }
      topics.tell(sources, Math.max(1, (now - last) / 1_000))
      last = now
    }
  }

  #limited(): Status['limited'] {
    const { counts, places } = this.#listeners
    const strangerBytesMax = this.core.strangers.refusals
    return { ...counts.reached, strangersPerAddressMax: places.waits, strangerBytesMax }
  }

  #failed(place: FaultPlace, error: unknown): void {
    this.core.broker.faults.failed(place, error, null)
  }

  #refuse({ address, listener }: Peer, connectionsMax: number): void {
    this.#listeners.counts.noRoom()
    const cause = fullnessSentence(connectionsMax, connectionsMax)
    this.#log.warn({ event: 'connection.refused', listener, address, cause }, 'refused')
  }

  #commitFailed(error: Error): void {
    this.#log.error(
      { event: 'store.failed', error: error.message },
      'the store failed: the broker stops, so that nothing is acknowledged that is not stored',
    )
    // EX_IOERR of sysexits.h.
    process.exit(74)
  }
}

/** How often summary lines of the log are due. */
const TICK_MS = 1_000

/** Milliseconds of a clock that never goes back. */
function monotonicMs(): number {
  return performance.now()
}

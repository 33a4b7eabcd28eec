// The front ends: their processes are started, watched, and started again when they have died.

import type { ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { guardChannel } from '../front-end/guarded-channel.ts'
import { LINK_DESCRIPTOR, startFrontEnd } from '../front-end/start-front-end.ts'
import { CoreLink } from '../link/core-link.ts'
import type { Order } from '../link/orders.ts'
import type { Chosen, FrontEndPool, FrontEndPort } from '../link/remote-preparation.ts'
import type { FrontEndFigures } from '../link/said.ts'
import type { FrontEndFailure, FrontEndStatus } from '../observe/front-end-metrics.ts'
import type { Log } from '../observe/log.ts'

interface FrontEndsOptions {
  readonly count: number
  readonly log: Log
  /** Tests shorten it. */
  readonly lookMs?: number
}

/** How often each front end is asked for a sign of life. */
const LOOK_MS = 1_000
/** How many times it may be asked in vain. */
const SILENT_LOOKS_MAX = 10
/** One that has run for so long has not failed because of how it was started. */
const HEALTHY_MS = 60_000
const RESTART_MS_MAX = 30_000
const START_MS_MAX = 30_000

export class FrontEnds implements FrontEndPool {
  readonly #options: FrontEndsOptions
  readonly #places: readonly Place[]
  /** Those that wait for a front end. */
  readonly #waiting = new Set<Chosen>()
  #ticks: NodeJS.Timeout | undefined

  constructor(options: FrontEndsOptions) {
    this.#options = options
    this.#places = Array.from({ length: options.count }, (_, index) => {
      const place: Place = new Place(`front-end-${index + 1}`, {
        ready: () => this.#ready(place),
        failed: sentence => this.#failed(place, sentence),
        log: options.log,
      })
      return place
    })
  }

  /** Rejects when one cannot be started. */
  async start(): Promise<void> {
    await Promise.all(this.#places.map(place => place.firstStart()))
    this.#ticks = setInterval(() => this.#look(), this.#options.lookMs ?? LOOK_MS).unref()
  }

  get all(): readonly FrontEndPort[] {
    return this.#places.flatMap(({ port }) => (port === null ? [] : [port]))
  }

  get statuses(): readonly FrontEndStatus[] {
    return this.#places.map(place => place.status)
  }

  choose(chosen: Chosen): void {
    let fewest: FrontEndPort | null = null
    for (const { port } of this.#places) {
      if (port === null) continue
      if (fewest === null || port.link.connections < fewest.link.connections) fewest = port
    }
    if (fewest === null) this.#waiting.add(chosen)
    else chosen(fewest)
  }

  forget(chosen: Chosen): void {
    this.#waiting.delete(chosen)
  }

  close(): void {
    clearInterval(this.#ticks)
    this.#waiting.clear()
    for (const place of this.#places) place.close()
  }

  #ready(place: Place): void {
    const { port } = place
    if (port === null) return
    const chosenNow = [...this.#waiting]
    this.#waiting.clear()
    for (const chosen of chosenNow) chosen(port)
  }

  #failed(place: Place, cause: string): void {
    const { name, restartMs } = place
    const fields = { event: 'front-end.failed', frontEnd: name, cause, restartMs }
    this.#options.log.error(fields, 'a front end has ended, and its connections with it')
    setTimeout(() => {
      if (!place.isClosed) place.startAgain()
    }, restartMs).unref()
  }

  #look(): void {
    for (const place of this.#places) place.look()
  }
}

interface PlaceEvents {
  ready(): void
  failed(sentence: string): void
  readonly log: Log
}

/** What was counted of the processes that have ended. */
interface Totals {
  cpuSeconds: number
  linkBytesReceived: number
  linkBytesSent: number
  readPauses: number
  writePauses: number
  restarts: number
  readonly failures: Record<FrontEndFailure, number>
}

// Wide on purpose: it has a process, what is known and counted of it, and the times of its start and its signs of life.
/** The place of one front end, and the process that has it. */
class Place {
  /** Null while no process is ready. */
  port: FrontEndPort | null = null
  isClosed = false
  readonly name: string
  readonly #events: PlaceEvents
  #process: ChildProcess | null = null
  #figures: FrontEndFigures | null = null
  readonly #totals: Totals = {
    cpuSeconds: 0,
    linkBytesReceived: 0,
    linkBytesSent: 0,
    readPauses: 0,
    writePauses: 0,
    restarts: 0,
    failures: { ended: 0, silent: 0, 'broke-rules': 0, 'not-ready': 0 },
  }
  #lastFailure: FrontEndStatus['lastFailure'] = null
  #silentLooks = 0
  /** The turn that it was asked about last. */
  #askedTurn = 0
  #startedAt = 0
  /** How often it has failed soon after its start, one time after the other. */
  #failures = 0

  constructor(name: string, events: PlaceEvents) {
    this.name = name
    this.#events = events
  }

  get status(): FrontEndStatus {
    const link = this.port?.link
    const figures = this.#figures
    const totals = this.#totals
    return {
      name: this.name,
      pid: link === undefined ? null : (this.#process?.pid ?? null),
      connections: link?.connections ?? 0,
      cpuSeconds: totals.cpuSeconds + (figures?.cpuSeconds ?? 0),
      residentBytes: figures?.residentBytes ?? 0,
      loopDelayMs: figures?.loopDelayMs ?? 0,
      linkBytesReceived: totals.linkBytesReceived + (link?.bytesReceived ?? 0),
      linkBytesSent: totals.linkBytesSent + (link?.bytesSent ?? 0),
      readPauses: totals.readPauses + (figures?.readPauses ?? 0),
      writePauses: totals.writePauses + (link?.pauses ?? 0),
      restarts: totals.restarts,
      failures: { ...totals.failures },
      lastFailure: this.#lastFailure,
    }
  }

  /** How long to wait before it is started again. */
  get restartMs(): number {
    return this.#failures <= 1 ? 0 : Math.min(RESTART_MS_MAX, 500 * 2 ** this.#failures)
  }

  /** Rejects when its process does not get ready. */
  async firstStart(): Promise<void> {
    let late: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      late = setTimeout(() => reject(new Error(`${this.name} does not start`)), START_MS_MAX)
      this.#start({
        ready: resolve,
        failed: cause => reject(new Error(`${this.name} does not start: ${cause}`)),
      })
    }).finally(() => clearTimeout(late))
  }

  startAgain(): void {
    this.#totals.restarts += 1
    this.#start({ ready: () => {}, failed: cause => this.#fail(cause, 'not-ready') })
  }

  /** `failed` is called when it ends before it is ready. */
  #start({ ready, failed }: Pick<PlaceEvents, 'ready' | 'failed'>): void {
    this.#startedAt = performance.now()
    this.#silentLooks = 0
    this.#askedTurn = 0
    const child = startFrontEnd()
    this.#process = child
    const socket = child.stdio[LINK_DESCRIPTOR]
    if (!(socket instanceof Socket)) throw new Error('a front end has no link')
    const link: CoreLink = new CoreLink(socket, {
      line: ({ level, fields, sentence }) =>
        this.#events.log[level]({ ...fields, frontEnd: this.name }, sentence),
      figures: figures => {
        this.#figures = figures
        if (this.port !== null || this.isClosed) return
        this.#isReady(child, link)
        ready()
      },
      failed: sentence => {
        const wasReady = this.port !== null
        this.#over(child, link)
        whenEnded(child, end => {
          if (this.isClosed) return
          if (wasReady) this.#fail(sentence ?? end, this.#failureBy(sentence))
          else failed(sentence ?? end)
        })
      },
    })
    child.once('error', error => link.failed(error.message))
    guardChannel(child, () =>
      link.failed('it says what it should not on the channel of its sockets'),
    )
  }

  #isReady(child: ChildProcess, link: CoreLink): void {
    this.port = { link, order: (order, socket) => give(child, order, socket) }
    const fields = { event: 'front-end.ready', frontEnd: this.name, pid: child.pid }
    this.#events.log.info(fields, 'a front end is ready')
    this.#events.ready()
  }

  #failureBy(sentence: string | null): FrontEndFailure {
    if (sentence === null) return 'ended'
    return this.#silentLooks > SILENT_LOOKS_MAX ? 'silent' : 'broke-rules'
  }

  #fail(cause: string, kind: FrontEndFailure): void {
    this.#totals.failures[kind] += 1
    this.#lastFailure = { at: Date.now(), cause }
    const isHealthy = performance.now() - this.#startedAt > HEALTHY_MS
    this.#failures = isHealthy ? 1 : this.#failures + 1
    this.#events.failed(cause)
  }

  #over(child: ChildProcess, link: CoreLink): void {
    const totals = this.#totals
    totals.cpuSeconds += this.#figures?.cpuSeconds ?? 0
    totals.linkBytesReceived += link.bytesReceived
    totals.linkBytesSent += link.bytesSent
    totals.readPauses += this.#figures?.readPauses ?? 0
    totals.writePauses += link.pauses
    this.port = null
    this.#figures = null
    child.kill('SIGKILL')
  }

  /** Asks for a sign of life. One that is silent for too long is ended. */
  look(): void {
    const link = this.port?.link
    if (link === undefined) return
    this.#silentLooks = link.takenTurn >= this.#askedTurn ? 0 : this.#silentLooks + 1
    if (this.#silentLooks > SILENT_LOOKS_MAX) {
      link.failed('it does not answer')
      return
    }
    if (this.#silentLooks === 0) this.#askedTurn = link.turn
    link.ask()
  }

  close(): void {
    this.isClosed = true
    this.port = null
    this.#process?.kill('SIGKILL')
  }
}

function give(child: ChildProcess, order: Order, socket: Socket | undefined): void {
  if (!child.connected) return
  // The front end counts connections itself: the listening socket is not to ask it how many are open.
  if (socket !== undefined) {
    Reflect.set(socket, 'server', null)
    closeWith(child, socket)
  }
  child.send(order, socket, {}, error => {
    if (error !== null) socket?.destroy()
  })
}

/** Node keeps the descriptor that is on its way to a process, also when that has ended: the client would stay connected to nobody. */
function closeWith(child: ChildProcess, socket: Socket): void {
  const handle: unknown = Reflect.get(socket, '_handle')
  socket.once('close', () => {
    const hasEnded = child.killed || child.exitCode !== null || child.signalCode !== null
    // Of a handle that is closed already this does nothing.
    if (hasEnded) (handle as { close?(): void } | null)?.close?.()
  })
}

/** Calls back with how the process has ended. */
function whenEnded(child: ChildProcess, done: (end: string) => void): void {
  const tell = (): void => {
    const { exitCode, signalCode } = child
    done(
      signalCode === null
        ? `its process ended with status ${exitCode ?? 'unknown'}`
        : `its process ended by ${signalCode}`,
    )
  }
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) tell()
  else child.once('exit', tell)
}

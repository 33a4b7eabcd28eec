// The REST API with its two doors: the HTTP listeners, where somebody must sign in, and the admin socket, whose opener is the owner.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { isOfThisMachine } from '../access/addresses.ts'
import type { RequestSource } from '../transport/listener-options.ts'
import { ApiKeys } from './api-keys.ts'
import { createApp, unknownCaller } from './app.ts'
import { callerOf } from './caller.ts'
import { Idempotency } from './idempotency.ts'
import { type ApiParts, type ApiSources, PREFIX } from './parts.ts'
import { later, Problem, writeProblem } from './problem.ts'
import { checkHost } from './request-checks.ts'
import { RequestRates } from './request-rates.ts'
import type { Route, Source } from './route.ts'
import { Scans } from './scans.ts'
import { SignIns, type SignInRole } from './sign-ins.ts'
import { Streams } from './stream/streams.ts'

const SOCKET: Source = {
  door: 'socket',
  address: '',
  isLocal: true,
  isPrivate: true,
  isSecure: false,
  port: 0,
  signedIn: () => {},
}

/** The most turns of a second in which the broker had next to nothing to do. */
const IDLE_TURNS_MAX = 5

export class Api {
  readonly #parts: ApiParts
  readonly #sources = new WeakMap<IncomingMessage, Source>()
  /** Read in an idle moment or with the first request, so that a start does not wait for it. */
  #app: Promise<RequestListener> | null = null
  #routes: readonly Route[] | null = null
  #turnBefore = -Infinity

  constructor(sources: ApiSources) {
    const { now, log, config } = sources
    this.#parts = {
      ...sources,
      keys: new ApiKeys(now, log),
      signIns: new SignIns(now, log),
      rates: new RequestRates(now),
      scans: new Scans(),
      streams: new Streams(log, sources.failed),
      idempotency: new Idempotency(now),
      isPlainAllowed: config.dashboard.plain,
      counters: { requests: 0, refused: 0, changes: 0 },
      allCounters: () => this.counters,
    }
  }

  /** Reads keys and sign-ins of earlier runs. The directory must be locked by the store. */
  open(directory: string): void {
    this.#parts.keys.open(directory)
    this.#parts.signIns.open(directory)
  }

  async routes(): Promise<readonly Route[]> {
    const { routesOf } = await import('./routes/all.ts')
    this.#routes ??= routesOf(this.#parts)
    return this.#routes
  }

  /**
   * Called once a second: reads framework, schemas and routes after a second in which the broker had next to nothing to do, because that
   * takes a tenth of a second of its thread. Otherwise the first request does it.
   */
  loadIfIdle(): void {
    if (this.#app !== null) return
    const { core, config, webUrl } = this.#parts
    const { turn } = core.broker
    const isIdle = turn - this.#turnBefore <= IDLE_TURNS_MAX
    this.#turnBefore = turn
    if (isIdle && config.dashboard.enabled && webUrl() !== null) void this.#loaded().catch(() => {})
  }

  get counters(): Readonly<Record<string, number>> {
    const { counters, rates, scans, signIns, streams, core } = this.#parts
    const { bans, subscriptions } = core.broker
    return {
      ...counters,
      bans: bans.count,
      bansDropped: bans.dropped,
      bansRefused: bans.refused,
      shareOverrides: subscriptions.groups.overrides.count,
      ...rates.reached,
      scansRefused: scans.refused,
      streams: streams.count,
      streamsRefused: streams.refused,
      streamsTooSlow: streams.tooSlow,
      signInsDropped: signIns.dropped,
    }
  }

  /** Returns a link that signs a browser in once; null if no listener serves it. */
  newLink(role: SignInRole): string | null {
    const { config, webUrl, signIns } = this.#parts
    const url = webUrl()
    return url === null || !config.dashboard.enabled
      ? null
      : `${url}/#key=${signIns.newKey(role).key}`
  }

  /** Answers a request to a listener, if it is one for the API. */
  handles(incoming: IncomingMessage, outgoing: ServerResponse, from: RequestSource): boolean {
    const path = incoming.url?.split('?')[0] ?? ''
    const isApi = path.startsWith(`${PREFIX}/`)
    if (!isApi && path !== '/metrics') return false
    const source = sourceOf(incoming, from)
    try {
      this.#check(incoming, source, path)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      this.#parts.counters.refused += 1
      writeProblem(outgoing, error)
      return true
    }
    if (isApi) this.#answer(incoming, outgoing, source)
    return isApi
  }

  /** Answers a request to the admin socket. */
  readonly onAdminRequest: RequestListener = (incoming, outgoing) => {
    this.#answer(incoming, outgoing, SOCKET)
  }

  #answer(incoming: IncomingMessage, outgoing: ServerResponse, source: Source): void {
    this.#sources.set(incoming, source)
    this.#loaded().then(
      app => app(incoming, outgoing),
      () => {
        writeProblem(outgoing, later(503, 'the API cannot be read from its files: ask again', 5))
      },
    )
  }

  #loaded(): Promise<RequestListener> {
    this.#app ??= this.#load().catch((error: unknown) => {
      this.#app = null
      this.#parts.failed(error)
      throw error
    })
    return this.#app
  }

  async #load(): Promise<RequestListener> {
    const sourceOfRequest = (each: IncomingMessage): Source => this.#sources.get(each) ?? SOCKET
    return createApp(this.#parts, await this.routes(), sourceOfRequest)
  }

  /** Throws Problem. */
  #check(incoming: IncomingMessage, source: Source, path: string): void {
    const { hosts, enabled } = this.#parts.config.dashboard
    const { listeners } = this.#parts.config
    checkHost(incoming, [...hosts, ...listeners.flatMap(each => each.hosts ?? [])])
    const isOpen = path === '/metrics' || path === `${PREFIX}/status`
    if (!enabled && !isOpen) {
      throw new Problem(404, 'the API is switched off here: dashboard.enabled is false')
    }
    if (path !== '/metrics' || source.isLocal) return
    if (callerOf(incoming, source, this.#parts) === null) throw unknownCaller()
  }
}

/** Headers by which a proxy says whom it asks for. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

function sourceOf(
  { headers, socket }: IncomingMessage,
  { address, signedIn }: RequestSource,
): Source {
  const isNear = isOfThisMachine(address)
  const isForwarded = FORWARDED.some(name => headers[name] !== undefined)
  const isTls = 'encrypted' in socket
  const isTlsBefore = isNear && headers['x-forwarded-proto'] === 'https'
  return {
    door: 'http',
    address,
    isLocal: isNear && !isForwarded,
    isPrivate: isTls || isNear,
    isSecure: isTls || isTlsBefore,
    port: socket.localPort ?? 0,
    signedIn,
  }
}

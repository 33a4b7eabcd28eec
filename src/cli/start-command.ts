// `pondhawk start`: runs the broker until a signal, or the key `q`.

import { isatty } from 'node:tty'
import type { Logger } from 'pino'
import { AccessFileError } from '../access/access-file.ts'
import type { Config } from '../config/config-types.ts'
import type { ConfigOrigin } from '../config/entries.ts'
import { isOfThisMachine, parseConfig } from '../config/parse.ts'
import { createLog } from '../observe/create-log.ts'
import type { LogOutput } from '../observe/log-output.ts'
import { openAdminSocket } from '../server/admin-socket.ts'
import { keptInstead } from '../server/configured-access.ts'
import { storeDirectory } from '../server/create-store.ts'
import { type Server, startServer } from '../server/server.ts'
import { thrownSentence } from '../thrown.ts'
import { type Announcement, announced } from './announcement.ts'
import { banner } from './banner.ts'
import { firstListener } from './first-listener.ts'
import { lanLines, lanUser, type LanUser, openedToLan } from './lan.ts'
import { startSentence } from './start-sentence.ts'
import { hasKeyboard } from './terminal/keyboard.ts'
import { Terminal } from './terminal/terminal.ts'

/** Exit status of sysexits.h for a fault of the broker. */
const SOFTWARE_ERROR = 70

interface StartWords {
  readonly version: string
  readonly origin: ConfigOrigin
  readonly isForLan: boolean
}

/** Resolves with null when the broker runs. Throws an error with a sentence, or AccessFileError. */
export async function startCommand(config: Config, words: StartWords): Promise<null> {
  const started = new StartedBroker(words, config)
  await started.start(words.isForLan)
  started.obeySignals()
  return null
}

/** A broker in this process, with its log, its admin socket and its terminal. */
class StartedBroker {
  readonly #words: StartWords
  readonly #log: Logger
  readonly #output: LogOutput
  #config: Config
  #server: Server | null = null
  #closeAdminSocket: () => Promise<void> = async () => {}
  /** Null where only this machine is served. */
  #announcement: Announcement | null = null
  /** Null where the log is not for people. */
  #terminal: Terminal | null = null
  /** Resolves when the broker is not between two servers. */
  #reopening: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(words: StartWords, config: Config) {
    const { log, output } = createLog(config.log, process.stdout)
    process.once('uncaughtException', error => {
      log.fatal(
        { event: 'broker.fault', error: error.stack },
        'a fault of the broker itself: it ends',
      )
      process.exit(SOFTWARE_ERROR)
    })
    this.#words = words
    this.#config = config
    this.#log = log
    this.#output = output
  }

  async start(isForLan: boolean): Promise<void> {
    const startedAt = performance.now()
    const config = this.#config
    let user: LanUser | null = null
    let server
    try {
      user = isForLan ? await lanUser(config) : null
      server = await startServer(config, this.#log, {
        origin: this.#words.origin,
        logOutput: this.#output,
      })
    } catch (error) {
      // The user was made: whoever starts again must know the password.
      process.stderr.write(linesForLan(user, config, [], null))
      if (error instanceof AccessFileError) throw error
      throw new Error(startSentence(error, config, this.#words.origin.file), { cause: error })
    }
    this.#server = server
    // It is open before the log says `ready`, so that scripts can wait for that line.
    this.#closeAdminSocket = await adminSocket(server, config, this.#log)
    if (isForLan) {
      this.#announcement = await announced(
        server.listeners[firstListener(config, 'mqtt')]?.port ?? 0,
      )
    }
    const milliseconds = Math.round(performance.now() - startedAt)
    if (process.stdout.isTTY && config.log.format !== 'json') {
      this.#tellPeople(server, milliseconds, user)
    } else {
      const { version } = this.#words
      const listeners = server.listeners.map(({ name }) => name)
      this.#log.info({ event: 'broker.ready', version, milliseconds, listeners }, 'ready')
      // On standard error: the log is on standard output, and no password is ever in it.
      process.stderr.write(linesForLan(user, config, server.listeners, this.#announcement))
    }
  }

  obeySignals(): void {
    process.once('SIGINT', () => void this.#stop('SIGINT'))
    process.once('SIGTERM', () => void this.#stop('SIGTERM'))
    // It makes mosquitto save its database. Without a listener Node would open its debugger.
    process.on('SIGUSR1', () => {
      this.#log.info({ event: 'broker.stored' }, 'all that is acknowledged is stored already')
    })
    process.on('SIGHUP', () => {
      // The window of the terminal was closed.
      if (this.#terminal !== null && !isatty(1)) {
        void this.#stop('SIGHUP')
        return
      }
      try {
        this.#server?.reloadAccess()
      } catch (error) {
        keptInstead(this.#log, error)
      }
      void this.#server?.renewCertificates()
    })
  }

  #tellPeople(server: Server, milliseconds: number, user: LanUser | null): void {
    const { version } = this.#words
    const { listeners } = server
    const { durability } = server.status
    const dashboard = server.api.newLink('operator')
    const hasKeys = hasKeyboard()
    const config = this.#config
    const ready = { version, milliseconds, config, durability, listeners, dashboard, hasKeys }
    this.#output.write(
      `${banner(ready)}${linesForLan(user, config, listeners, this.#announcement)}`,
    )
    this.#terminal = new Terminal(server, {
      write: text => this.#output.write(text),
      printsInfo: () => this.#log.isLevelEnabled('info'),
      printsDebug: () => this.#log.isLevelEnabled('debug'),
      dashboard: () => server.api.newLink('operator'),
      changeDetail: () => this.#changeDetail(),
      quit: () => void this.#stop('q'),
      openToNetwork: () => (this.#reopening = this.#openToNetwork()),
      networkProblem: networkProblem(this.#config),
    })
  }

  #changeDetail(): boolean {
    const isMore = this.#log.level !== 'debug'
    this.#log.level = isMore ? 'debug' : this.#config.log.level
    // What was debug from the beginning becomes less.
    if (!isMore && this.#config.log.level === 'debug') this.#log.level = 'info'
    return isMore
  }

  /** A server cannot get another listener, so another one takes its place. */
  async #openToNetwork(): Promise<void> {
    const before = this.#config
    await this.#close()
    try {
      this.#config = parseConfig(openedToLan(before, firstListener(before, 'mqtt'), null))
      await this.start(true)
    } catch (error) {
      const cause = thrownSentence(error)
      this.#log.error({ event: 'lan.refused', cause }, 'the network is not served')
      this.#config = before
      await this.start(false)
    }
  }

  async #stop(signal: string): Promise<void> {
    if (this.#isStopping) process.exit(1)
    this.#isStopping = true
    process.once('SIGINT', () => process.exit(1))
    process.once('SIGTERM', () => process.exit(1))
    this.#log.info({ event: 'broker.stopping', signal }, 'stopping')
    await this.#reopening
    await this.#close()
    this.#log.info({ event: 'broker.stopped' }, 'stopped')
    process.exit(0)
  }

  async #close(): Promise<void> {
    this.#terminal?.close()
    this.#terminal = null
    await this.#announcement?.stop()
    this.#announcement = null
    await this.#closeAdminSocket()
    await this.#server?.close()
  }
}

function linesForLan(
  user: LanUser | null,
  config: Config,
  open: readonly { port: number }[],
  announcement: Announcement | null,
): string {
  const index = firstListener(config, 'mqtt')
  const listener = config.listeners[index]
  if (user === null || listener === undefined) return ''
  const port = open[index]?.port ?? listener.port ?? 0
  const found = announcement === null ? '' : `${announcement.sentence}\n`
  return `${lanLines(user, { host: listener.host, port })}${found}`
}

/** Opens the admin socket. A store in memory has no directory for it, and Windows has no Unix sockets. */
async function adminSocket(
  server: Server,
  config: Config,
  log: Logger,
): Promise<() => Promise<void>> {
  const hasNone = config.store.durability === 'memory' || process.platform === 'win32'
  if (hasNone) return async () => {}
  const sources = { onRequest: server.api.onAdminRequest, log }
  return openAdminSocket(sources, storeDirectory(config))
}

/** Returns why the key `l` does not open the network. */
function networkProblem(config: Config): string | null {
  const index = firstListener(config, 'mqtt')
  if (index < 0) return 'There is no MQTT listener with a port that could be opened.'
  const { listeners, store } = config
  if (!listeners.every(isOfThisMachine)) return 'The network is served already.'
  if (store.durability === 'memory')
    return 'What is in memory would be lost. Stop the broker, and start it with --lan.'
  return null
}

// The terminal in which the broker runs: what happens, line by line, and keys.

import { sessionFiguresOf } from '../../observe/session-figures.ts'
import type { Server } from '../../server/server.ts'
import { shownName } from '../shown-name.ts'
import { table } from '../table.ts'
import { opensBrowser } from './browser.ts'
import { hasKeyboard, Keyboard } from './keyboard.ts'
import { LiveEvents } from './live-events.ts'

export const KEY_LINE =
  'o open the dashboard   c clients   l allow the network   v more log   q quit   ? help'

const HELP = [
  '',
  '  o   open the dashboard in the browser, or print its link',
  '  c   the clients that are connected',
  '  l   serve other machines on the network too, with a user and a password made for them',
  '  v   more log, and less again',
  '  q   quit, as Control-C does',
  '  ?   this',
  '',
].join('\n')

/** The most clients that the key `c` shows. */
const CLIENTS_SHOWN_MAX = 20
/** The most sessions among which they are looked for, because the broker does nothing else meanwhile. */
const SESSIONS_LOOKED_AT_MAX = 10_000

const HEADINGS = ['CLIENT', 'USER', 'ADDRESS', 'SUBSCRIPTIONS', 'QUEUED']

/** What the keys do to the broker. */
interface TerminalActions {
  /** Text that is printed as it is, without waiting for the terminal. */
  write(text: string): void
  /** Whether the log prints more than warnings. */
  printsInfo(): boolean
  /** Whether the log prints debug lines, which tell of subscriptions as well. */
  printsDebug(): boolean
  /** Returns a link that signs in to the dashboard once, or null where no listener serves it. */
  dashboard(): string | null
  /** Changes the level of the log, and returns whether there is more of it now. */
  changeDetail(): boolean
  quit(): void
  /** Serves other machines too. */
  openToNetwork(): unknown
  /** Why that cannot be done; null if it can. */
  readonly networkProblem: string | null
}

export class Terminal {
  readonly #server: Server
  readonly #actions: TerminalActions
  /** Null where the log tells of nothing that is no warning. */
  readonly #live: LiveEvents | null
  readonly #keyboard: Keyboard | null
  /** Whether the key `l` was the last one, and asks to be pressed again. */
  #asksAgain = false

  constructor(server: Server, actions: TerminalActions) {
    const { broker } = server.core
    this.#server = server
    this.#actions = actions
    const options = {
      observers: broker.faults.observers,
      write: (text: string) => actions.write(text),
      skipsSubscriptions: () => actions.printsDebug(),
      messagesReceived: () => broker.statistics.messagesReceived,
    }
    this.#live = actions.printsInfo() ? new LiveEvents(options) : null
    this.#keyboard = hasKeyboard() ? new Keyboard(key => this.#pressed(key)) : null
  }

  close(): void {
    this.#live?.close()
    this.#keyboard?.close()
  }

  #pressed(key: string): void {
    const isAgain = this.#asksAgain
    this.#asksAgain = false
    switch (key) {
      case 'o':
        void this.#openDashboard()
        return
      case 'c':
        this.#say(this.#clients())
        return
      case 'l':
        this.#openToNetwork(isAgain)
        return
      case 'v': {
        const isMore = this.#actions.changeDetail()
        this.#say(isMore ? 'More log. v again for less.' : 'Less log.')
        return
      }
      case 'q':
        this.#actions.quit()
        return
      case '?':
      case 'h':
        this.#actions.write(`${HELP}\n`)
        return
      default:
    }
  }

  async #openDashboard(): Promise<void> {
    const link = this.#actions.dashboard()
    if (link === null) {
      this.#say('There is no WebSocket listener, which would serve the dashboard.')
    } else if (await opensBrowser(link)) {
      this.#say(`Opened in the browser: ${link}`)
    } else {
      this.#say(`No browser can be opened from here. The link: ${link}`)
    }
  }

  #openToNetwork(isAgain: boolean): void {
    const { networkProblem } = this.#actions
    if (networkProblem !== null) {
      this.#say(networkProblem)
      return
    }
    const { connectionCount } = this.#server
    if (connectionCount === 0 || isAgain) {
      this.#actions.openToNetwork()
      return
    }
    this.#asksAgain = true
    const who = connectionCount === 1 ? 'One client' : `${connectionCount} clients`
    this.#say(`${who} will be disconnected, and may connect again. Press l again to go on.`)
  }

  #clients(): string {
    const { broker } = this.#server.core
    const rows: string[][] = []
    let looked = 0
    for (const each of sessionFiguresOf(broker)) {
      looked += 1
      if (rows.length === CLIENTS_SHOWN_MAX || looked > SESSIONS_LOOKED_AT_MAX) break
      if (each.state !== 'connected') continue
      const { clientId, username, address, subscriptions, queuedMessages } = each
      const user = username === null ? '-' : shownName(username)
      rows.push([shownName(clientId), user, address, `${subscriptions}`, `${queuedMessages}`])
    }
    const { connectedCount } = broker.sessions
    if (connectedCount === 0) return 'No client is connected.'
    const text = table([HEADINGS, ...rows], 3)
    const rest = connectedCount - rows.length
    const more = rest > 0 ? `and ${rest.toLocaleString('en')} more: pondhawk session list\n` : ''
    return `${text}${more}`.trimEnd().replaceAll('\n', '\n  ')
  }

  #say(sentence: string): void {
    this.#actions.write(`\n  ${sentence}\n\n`)
  }
}

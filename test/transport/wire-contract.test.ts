// One contract, and every wire that there is.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'

import { Random } from '../../sim/random.ts'
import { EventQueue } from '../../sim/event-queue.ts'
import { SimWire } from '../../sim/sim-wire.ts'
import type { ListenerOptions } from '../../src/transport/listener-options.ts'
import { streamWire } from '../../src/transport/stream-wire.ts'
import { CLOSE_MS_MAX, type Peer } from '../../src/transport/wire.ts'
import { FrontEndHere, preparingBy } from '../link/front-end-here.ts'
import { farEnd, Heard, type Pace, StreamFar, streamPair } from './far-ends.ts'
import {
  CloseTimers,
  type Far,
  keepsContract,
  type WireKind,
  type WirePair,
} from './wire-contract.ts'
import { Arrived, serverCertificate, World } from './world.ts'

const PEER: Peer = {
  address: '',
  port: 0,
  transport: 'stream',
  listener: 'pair',
  certificate: null,
}

/** A moment of real time. */
const passes = (): Promise<void> => new Promise(over => realTimeout(over, 1))
const { setTimeout: realTimeout } = globalThis

function realPair(arrived: Arrived, far: Far, timers: CloseTimers): WirePair {
  return { arrived, far, passes, passesCloseTime: async () => timers.goOff() }
}

interface Listening {
  readonly name: string
  readonly isSecured: boolean
  readonly isWebSocket: boolean
  readonly isUnix?: boolean
  /** Whether the socket is that of a front end. */
  readonly isRemote?: boolean
}

function socketKind(listening: Listening): WireKind {
  const { name, isSecured, isWebSocket, isUnix = false, isRemote = false } = listening
  return {
    name,
    takesAtOnce: !isSecured && !isRemote,
    pair: async t => {
      const timers = new CloseTimers(t)
      const directory = mkdtempSync(resolve(tmpdir(), 'wire-'))
      t.teardown(() => rmSync(directory, { recursive: true, force: true }))
      const path = resolve(directory, 'wire.sock')
      const options: Partial<ListenerOptions> = {
        protocol: isWebSocket ? 'ws' : 'mqtt',
        ...(isSecured ? { tls: serverCertificate() } : {}),
        ...(isUnix ? { path } : {}),
        ...(isRemote ? { preparing: preparingBy([await FrontEndHere.start(t)]) } : {}),
      }
      const world = await World.listening(t, options)
      const raw = isUnix ? connectPlain(path) : await world.connects(t)
      const far = await farEnd(t, raw, { isSecured, isWebSocket })
      return realPair(await world.arrives(), far, timers)
    },
  }
}

function streamKind(pace: Pace): WireKind {
  return {
    name: `a stream that is handed in and writes ${pace}`,
    takesAtOnce: false,
    pair: async t => {
      const timers = new CloseTimers(t)
      const [near, distant] = streamPair(pace)
      const far = new StreamFar(distant)
      return realPair(new Arrived(streamWire(near, PEER)), far, timers)
    },
  }
}

function simKind(takesLate: boolean): WireKind {
  return {
    name: `the wire of the simulator, taking ${takesLate ? 'late' : 'at once'}`,
    takesAtOnce: !takesLate,
    pair: async () => {
      const events = new EventQueue(0)
      const heard = new Heard()
      let isClosed = false
      const settings = {
        latencyMs: 3,
        splits: 3,
        bufferBytes: 200_000,
        late: takesLate ? 1 : 0,
        lateMs: 2,
      }
      const wire = new SimWire(events, new Random(1), settings, {
        received: chunk => heard.add(chunk),
        closed: () => (isClosed = true),
      })
      const arrived = new Arrived(wire)
      const far: Far = {
        get bytes() {
          return heard.bytes
        },
        get isClosed() {
          return isClosed
        },
        says: said => wire.sends(said),
        stopsReading: () => wire.freezes(),
        goesOn: () => wire.thaws(),
        hangsUp: () => {
          wire.hangsUp()
          isClosed = true
        },
        breaks: () => wire.breaks(0),
      }
      const runs = (milliseconds: number): void => {
        const until = events.now + milliseconds
        while (events.step(until));
        events.now = until
      }
      return {
        arrived,
        far,
        passes: async () => runs(1),
        passesCloseTime: async () => runs(CLOSE_MS_MAX),
      }
    },
  }
}

const SOCKETS: readonly Listening[] = [
  { name: 'TCP', isSecured: false, isWebSocket: false },
  { name: 'TLS', isSecured: true, isWebSocket: false },
  { name: 'WebSocket', isSecured: false, isWebSocket: true },
  { name: 'secure WebSocket', isSecured: true, isWebSocket: true },
  { name: 'a Unix socket', isSecured: false, isWebSocket: false, isUnix: true },
]

const KINDS: readonly WireKind[] = [
  ...SOCKETS.map(socketKind),
  ...SOCKETS.map(each =>
    socketKind({ ...each, name: `${each.name} of a front end`, isRemote: true }),
  ),
  ...(['within the call', 'soon', 'late'] as const).map(streamKind),
  simKind(false),
  simKind(true),
]

for (const kind of KINDS) keepsContract(kind)

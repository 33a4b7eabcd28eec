// A front end within the process of a test, at the other end of a real link.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import type { Test } from 'tap'
import { FrontEnd } from '../../src/front-end/front-end.ts'
import { CoreLink } from '../../src/link/core-link.ts'
import type { Order } from '../../src/link/orders.ts'
import {
  type FrontEndPool,
  type FrontEndPort,
  RemotePreparation,
} from '../../src/link/remote-preparation.ts'
import type { Line } from '../../src/link/said.ts'
import type { ListenerOptions } from '../../src/transport/listener-options.ts'

/** Two ends of a Unix socket. */
export async function socketPair(t: Test): Promise<[Socket, Socket]> {
  const directory = mkdtempSync(resolve(tmpdir(), 'link-'))
  const path = resolve(directory, 'link.sock')
  const server = createServer()
  await new Promise<void>(open => void server.listen(path, open))
  const accepted = new Promise<Socket>(resolves => server.once('connection', resolves))
  const far = connect(path)
  const near = await accepted
  server.close()
  t.teardown(() => {
    near.destroy()
    far.destroy()
    rmSync(directory, { recursive: true, force: true })
  })
  return [near, far]
}

/** A front end of this process, with what it has said. */
export class FrontEndHere implements FrontEndPort {
  readonly link: CoreLink
  readonly frontEnd: FrontEnd
  readonly lines: Line[] = []
  readonly failures: (string | null)[] = []

  private constructor([near, far]: [Socket, Socket]) {
    this.link = new CoreLink(near, {
      line: line => this.lines.push(line),
      figures: () => {},
      failed: sentence => this.failures.push(sentence),
    })
    this.frontEnd = new FrontEnd(far)
  }

  static async start(t: Test): Promise<FrontEndHere> {
    const here = new FrontEndHere(await socketPair(t))
    t.teardown(() => here.frontEnd.close())
    return here
  }

  /** As over the channel of a child process: the socket is another object there, and a message is text. */
  order(order: Order, socket?: Socket): void {
    const read = JSON.parse(JSON.stringify(order)) as Order
    const handle: unknown = socket === undefined ? undefined : Reflect.get(socket, '_handle')
    if (socket !== undefined) Reflect.set(socket, '_handle', null)
    const given = handle === undefined ? undefined : new Socket({ handle } as object)
    this.frontEnd.obey(read, given)
  }
}

/** What a listener needs so that these front ends do the steps before MQTT. */
export function preparingBy(
  ports: readonly FrontEndPort[],
): NonNullable<ListenerOptions['preparing']> {
  const pool: FrontEndPool = {
    all: ports,
    choose: chosen => {
      const [fewest] = [...ports].sort((one, two) => one.link.connections - two.link.connections)
      if (fewest !== undefined) chosen(fewest)
    },
    forget: () => {},
  }
  return (options, log, events) =>
    new RemotePreparation(options, log, { events, pool, listener: 0 })
}

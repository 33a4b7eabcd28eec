// A front end that was taken over cannot harm the core by the channel that sockets come to it by.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { resolve } from 'node:path'
import { type Test, test } from 'tap'
import { guardChannel } from '../../src/front-end/guarded-channel.ts'

/** A child that writes this to its channel. */
function childSaying(t: Test, said: string) {
  const folder = t.testdir({
    'child.cjs': `require('node:fs').writeSync(3, ${JSON.stringify(said)}); setInterval(() => {}, 1_000)`,
  })
  const child = fork(resolve(folder, 'child.cjs'), [], {
    execArgv: [],
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

const HOSTILE: readonly (readonly [string, string])[] = [
  ['what is no JSON', 'nothing\n'],
  ['an answer that nobody waits for', '{"cmd":"NODE_HANDLE_ACK"}\n'],
  ['a socket that it does not send', '{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{}}\n'],
  ['a message', '{"kind":"listener"}\n'],
  ['a line that does not end', 'x'.repeat(65_536)],
]

for (const [words, said] of HOSTILE) {
  test(`a child that says ${words} is found out`, async t => {
    const child = childSaying(t, said)
    const messages: unknown[] = []
    child.on('message', message => messages.push(message))

    await new Promise<void>(broken => t.ok(guardChannel(child, broken), 'this Node can be guarded'))

    child.kill('SIGKILL')
    await once(child, 'exit')
    t.strictSame(messages, [])
  })
}

test('sockets are still handed over, one after the other', async t => {
  const folder = t.testdir({
    'child.cjs': "process.on('message', (text, socket) => socket.end(text))",
  })
  const child = fork(resolve(folder, 'child.cjs'), [], { execArgv: [], env: {} })
  t.teardown(() => child.kill('SIGKILL'))
  let isBroken = false
  guardChannel(child, () => (isBroken = true))
  const server = createServer({ pauseOnConnect: true }, socket => {
    Reflect.set(socket, 'server', null)
    child.send('of the child', socket)
  })
  await new Promise<void>(open => void server.listen(0, '127.0.0.1', open))
  t.teardown(() => server.close())
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0

  const texts = await Promise.all([1, 2, 3].map(() => textFrom(connect(port, '127.0.0.1'))))

  t.strictSame(texts, ['of the child', 'of the child', 'of the child'])
  t.notOk(isBroken)
})

async function textFrom(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'end')
  return text
}

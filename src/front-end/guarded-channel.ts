// The channel that Node has between a process and its child carries sockets to a front end. Node trusts whatever the child says on it:
// a line that is no JSON ends the process. So nothing is let through but the one answer that a front end has to give.

import type { ChildProcess } from 'node:child_process'

/** How a child says that it has a socket. The next one is sent after it. */
const HAS_SOCKET = '{"cmd":"NODE_HANDLE_ACK"}\n'

interface Channel {
  onread: (this: unknown, bytes: ArrayBuffer | undefined) => void
}

/**
 * Lets a child answer that it has the socket that was sent to it, and nothing else. `broken` is called when it says more. Node has no
 * public way to do so; if its internals differ, this returns false.
 */
export function guardChannel(child: ChildProcess, broken: () => void): boolean {
  const symbol = Object.getOwnPropertySymbols(child).find(
    ({ description }) => description === 'kChannelHandle',
  )
  const channel: unknown = symbol === undefined ? null : Reflect.get(child, symbol)
  if (!isChannel(channel)) return false
  const { onread } = channel
  channel.onread = function (bytes) {
    if (bytes === undefined || isAnswer(child, bytes)) onread.call(this, bytes)
    else broken()
  }
  return true
}

/** While a socket is on its way, Node keeps what is to be sent after it in a list. */
function isAnswer(child: ChildProcess, bytes: ArrayBuffer): boolean {
  if (bytes.byteLength !== HAS_SOCKET.length) return false
  const isAwaited = Array.isArray(Reflect.get(child, '_handleQueue'))
  return isAwaited && Buffer.from(bytes).toString('latin1') === HAS_SOCKET
}

function isChannel(channel: unknown): channel is Channel {
  return (
    typeof channel === 'object' &&
    channel !== null &&
    'onread' in channel &&
    typeof channel.onread === 'function'
  )
}

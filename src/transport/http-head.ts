// Looks at the head of the first HTTP request on a connection, and puts it back.

import type { Socket } from 'node:net'

/** As Node's parser. */
const HEAD_BYTES_MAX = 16_384

/** `isPlain`: the request wants no other protocol. What is no HTTP, or has a head that is too long, is not plain. */
export function readHead(socket: Socket, done: (isPlain: boolean) => void): void {
  let bytes = Buffer.alloc(0)
  const read = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    const isHttp = /^[A-Z]/.test(bytes.latin1Slice(0, 1))
    if (isHttp && end < 0 && bytes.length < HEAD_BYTES_MAX) return
    socket.off('data', read)
    socket.pause()
    socket.unshift(bytes)
    done(isHttp && end >= 0 && !/^upgrade[ \t]*:/im.test(bytes.latin1Slice(0, end)))
  }
  socket.on('data', read)
  socket.resume()
}

// The bytes of a client on a plain socket before MQTT and around it.

/** Headers of PROXY protocol by version, for 192.0.2.7:40000; of version 0 there is none. */
export const PROXY_HEADERS: readonly [Buffer, Buffer, Buffer] = [
  Buffer.alloc(0),
  Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 40000 1883\r\n'),
  Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c0000201abcd075b', 'hex'),
]

/** A request to go over to WebSocket, with these lines more in its head. */
export function upgrade(...lines: readonly string[]): Buffer {
  const head = [
    'GET /mqtt HTTP/1.1',
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  return Buffer.from([...head, ...lines, '', ''].join('\r\n'))
}

export const UPGRADE = upgrade('Sec-WebSocket-Protocol: mqtt')

/** A masked frame of WebSocket, whose mask of zeros leaves the data as it is. `first`: its first byte. */
export function frame(data: Buffer, first = 0x82): Buffer {
  const head = Buffer.alloc(14)
  head[0] = first
  head[1] = 0xff
  head.writeUInt32BE(data.length, 6)
  return Buffer.concat([head, data])
}

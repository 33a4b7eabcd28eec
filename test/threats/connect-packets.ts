// CONNECT packets of attackers, as bytes.

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

/** A CONNECT of this version, with a client id of one character. */
export function connectPacket(version: 4 | 5, clientId = 'a'): Buffer {
  const properties = version === 5 ? '00' : ''
  const id = Buffer.from(clientId)
  const length = 12 + id.length + properties.length / 2
  const head = `10 ${length.toString(16).padStart(2, '0')} 0004 4d515454 0${version} 02 0000`
  return Buffer.concat([
    hex(`${head} ${properties} 00 ${id.length.toString(16).padStart(2, '0')}`),
    id,
  ])
}

/** The beginning of a CONNECT of `size` bytes: all but the last byte of its will. */
export function unfinishedConnect(size: number): Buffer {
  const bytes = Buffer.alloc(size - 1, 'x')
  const length = size - 4
  const head = [0x10, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]
  bytes.set(Buffer.from([...head, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0x82, 0, 0, 0, 1, 0x61]))
  bytes.writeUInt16BE(size - 17 - 2, 17)
  return bytes
}

// Packets written by hand: the body in hexadecimal, with a computed fixed header.

/** `first` is the first byte in hexadecimal; spaces are free. For bodies up to 127 bytes. */
export function framed(first: string, body: string): string {
  const bare = body.replaceAll(' ', '')
  return `${first}${(bare.length / 2).toString(16).padStart(2, '0')}${bare}`
}

/** CONNECT with these flags and this rest of the payload, after the client id `a`. */
export function connectBytes(version: 4 | 5, flags: string, rest = ''): string {
  const properties = version === 5 ? '00' : ''
  return framed('10', `0004 4d515454 0${version} ${flags} 003c ${properties} 0001 61 ${rest}`)
}

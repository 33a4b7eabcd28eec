// Addresses of clients: one spelling for each, and the network that a client counts for.

import { type BlockList, isIP, isIPv6 } from 'node:net'

/** Before an IPv4 address, when a socket serves both families. */
const IPV4_IN_IPV6 = '::ffff:'

/** Returns the IPv4 address of an IPv4 client, also if the listener serves both families. */
export function plainAddress(address: string): string {
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address
}

/** Whether only this machine can have the address. A Unix socket has none. */
export function isOfThisMachine(address: string): boolean {
  const plain = plainAddress(address)
  if (plain === '' || plain === '::1') return true
  return isIP(plain) === 4 && plain.startsWith('127.')
}

export function isWithin(subnets: BlockList, address: string): boolean {
  const plain = plainAddress(address)
  return subnets.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

const IPV6_GROUPS_OF_A_NETWORK = 4

/** Counts IPv6 by network, because one client may have 2^64 addresses. */
export function networkOf(address: string): string {
  const plain = plainAddress(address)
  // Each connection is asked about several times, and most have an IPv4 address.
  if (!plain.includes(':') || !isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return [...before, ...zeros, ...after].slice(0, IPV6_GROUPS_OF_A_NETWORK).join(':')
}

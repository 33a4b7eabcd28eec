// Addresses and subnets, as a configuration lists them.

import { BlockList, isIPv6 } from 'node:net'

export function subnetsOf(list: readonly string[]): BlockList {
  const subnets = new BlockList()
  for (const each of list) {
    const [address = '', prefix] = each.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) subnets.addAddress(address, family)
    else subnets.addSubnet(address, Number(prefix), family)
  }
  return subnets
}

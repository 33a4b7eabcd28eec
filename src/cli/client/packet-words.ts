// A line for each packet, as `mosquitto_pub -d` and `mosquitto_sub -d` print it.

import { type Packet, NO_PROPERTIES } from '../../packet/packet.ts'
import { reasonName } from '../../packet/reason.ts'
import { shownName } from '../shown-name.ts'

export function described(packet: Packet): string {
  switch (packet.type) {
    case 'connect':
      return 'CONNECT'
    case 'connack':
      return `CONNACK (${packet.reason})`
    case 'publish': {
      const { duplicate, qos, retain, packetId, topic, payload } = packet
      const flags = `d${duplicate ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}`
      return `PUBLISH (${flags}, '${plain(topic)}', ... (${payload.length} bytes))`
    }
    case 'pubrel':
      return `PUBREL (m${packet.packetId})`
    case 'pubrec':
      return `PUBREC (Mid: ${packet.packetId})`
    case 'puback':
    case 'pubcomp':
      return `${packet.type.toUpperCase()} (Mid: ${packet.packetId}, RC:${packet.reason})`
    case 'subscribe': {
      const filters = packet.subscriptions.map(({ filter, qos }) => `${plain(filter)}, QoS: ${qos}`)
      return `SUBSCRIBE (Mid: ${packet.packetId}, Topic: ${filters.join('; ')})`
    }
    case 'unsubscribe':
      return `UNSUBSCRIBE (Mid: ${packet.packetId}, Topic: ${packet.filters.map(plain).join('; ')})`
    case 'disconnect': {
      const { reason, properties } = packet
      const why = properties === NO_PROPERTIES ? '' : (properties.reasonString ?? '')
      const words = why === '' ? '' : `: ${plain(why)}`
      return reason === 0 ? 'DISCONNECT' : `DISCONNECT, ${reasonName(reason)}${words}`
    }
    case 'suback':
    case 'unsuback':
    case 'pingreq':
    case 'pingresp':
    case 'auth':
      return packet.type.toUpperCase()
  }
}

/** Spaces need no quotes here. */
function plain(text: string): string {
  return /\p{C}/u.test(text) ? shownName(text) : text
}

// Statements that no test of this broker can check, each with its reason.

import type { Version } from './matrix.ts'

export interface ClientOnly {
  readonly id: string
  readonly version: Version
  readonly reason: string
}

export const clientOnly: readonly ClientOnly[] = [
  { version: '5.0', id: 'MQTT-3.1.2-20', reason: 'binds the client: it must ping' },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-4',
    reason: 'binds the client: what it does with Session Present',
  },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-5',
    reason: 'binds the client: what it does with Session Present',
  },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-10',
    reason: 'for a server that limits QoS; this one grants every QoS',
  },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-11',
    reason: 'binds the client of a server that limits QoS; this one does not',
  },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-12',
    reason: 'for a server that limits QoS; this one takes a will of every QoS',
  },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-13',
    reason: 'for a server without retained messages; this one has them',
  },
  {
    version: '5.0',
    id: 'MQTT-3.2.2-14',
    reason: 'binds the client of a server without retained messages',
  },
  {
    version: '5.0',
    id: 'MQTT-3.3.4-5',
    reason: 'for a server that sends a message once for each subscription; this one sends it once',
  },
  {
    version: '5.0',
    id: 'MQTT-3.3.4-10',
    reason: 'CONNECT has no Maximum QoS: the statement is not in the specification in this form',
  },
  { version: '5.0', id: 'MQTT-4.5.0-2', reason: 'binds the client: it must acknowledge' },
  { version: '5.0', id: 'MQTT-4.6.0-1', reason: 'binds the client: the order of its resends' },
  { version: '3.1.1', id: 'MQTT-4.5.0-2', reason: 'binds the client: it must acknowledge' },
  {
    version: '3.1.1',
    id: 'MQTT-7.0.0-1',
    reason: 'for a server that opens connections to others; this one does not',
  },
  { version: '3.1.1', id: 'MQTT-7.1.2-1', reason: 'binds the client: what makes one conformant' },
]

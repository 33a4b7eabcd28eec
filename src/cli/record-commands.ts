// `pondhawk trace`, `pondhawk explain` and `pondhawk log-level`, as data.

import type { Command } from './commands.ts'
import { CONFIG, DATA, JSON_LINES, JSON_WHOLE } from './store-flags.ts'

export type RecordCommandName = 'trace' | 'explain' | 'log-level'

export const RECORD_COMMANDS: readonly Command[] = [
  {
    name: 'trace',
    argument: 'CLIENT_ID',
    help: 'show the packets of a client as they come and go, or the way of each message to a topic',
    flags: [
      {
        name: 'filter',
        type: 'string',
        value: 'FILTER',
        help: 'the messages to these topics, with or without a client id',
      },
      {
        name: 'seconds',
        type: 'string',
        value: 'SECONDS',
        help: 'how long, 1 to 600 (default: 60)',
      },
      JSON_LINES,
      CONFIG,
      DATA,
    ],
    more: [
      'Payloads are cut at 256 bytes, and passwords are never shown. Ctrl-C ends the trace.',
      '',
      '  pondhawk trace esp32-7f                     its packets, also when it is not connected yet',
      "  pondhawk trace --filter 'fleet/#'           who sent each message, who got it, who not and why",
      '',
      'Status: 0 done, 1 the broker cannot be reached or has 4 traces already, 2 wrong usage.',
    ],
  },
  {
    name: 'explain',
    argument: 'delivery | access',
    help: 'say where a message went and would go now, or who may do what by which rule; it changes nothing',
    flags: [
      {
        name: 'topic',
        type: 'string',
        value: 'TOPIC',
        help: 'the topic, or a filter for subscribing',
      },
      {
        name: 'client',
        type: 'string',
        value: 'CLIENT_ID',
        help: 'delivery: who should have received it; access: who asks',
      },
      { name: 'publisher', type: 'string', value: 'CLIENT_ID', help: 'delivery: who published it' },
      {
        name: 'user',
        type: 'string',
        value: 'NAME',
        help: 'access: the user, if no client is given',
      },
      {
        name: 'action',
        type: 'string',
        value: 'ACTION',
        help: 'access: publish (default), subscribe, unsubscribe or receive',
      },
      { name: 'qos', type: 'string', value: 'QOS', help: '0, 1 or 2' },
      { name: 'json', type: 'boolean', help: 'print the answer as JSON' },
      CONFIG,
      DATA,
    ],
    more: [
      '  pondhawk explain delivery --topic fleet/1 --client slow-1',
      '  pondhawk explain access --user alice --action subscribe --topic home/#',
      '',
      'Status: 0 answered, 1 the broker cannot be reached, 2 wrong usage.',
    ],
  },
  {
    name: 'log-level',
    argument: '[debug | info | warn | error | silent]',
    help: 'print the level of the log of a running broker, or set it until the broker stops',
    flags: [JSON_WHOLE, CONFIG, DATA],
    more: ['Status: 0 done, 1 the broker cannot be reached, 2 wrong usage.'],
  },
]

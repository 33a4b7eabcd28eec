// `pondhawk queue`, as data.

import type { Command } from './commands.ts'
import { CONFIG, DATA, JSON_LINES } from './store-flags.ts'

export const QUEUE_COMMAND: Command = {
  name: 'queue',
  argument:
    'list | show NAME | peek NAME | create NAME [KEY=VALUE ...] | set NAME KEY=VALUE ... | delete NAME | purge NAME | move NAME | redrive NAME',
  help: 'named queues: what waits in them, their settings, dead letters',
  flags: [
    { name: 'to', type: 'string', value: 'NAME', help: 'move: the other queue' },
    { name: 'max', type: 'string', value: 'N', help: 'at most so many messages, oldest first' },
    { name: 'dry-run', type: 'boolean', help: 'purge, move, redrive, delete: only count them' },
    JSON_LINES,
    CONFIG,
    DATA,
  ],
  more: [
    '  pondhawk queue list                         each with what waits, how long, and its consumers',
    '  pondhawk queue create jobs filters=work/#,jobs/# order=fifo ackDeadlineSeconds=60',
    '  pondhawk queue peek jobs --max 5            the five oldest, which stay',
    '  pondhawk queue redrive jobs.dead --dry-run  how many dead letters would go back to where they came from',
    '  pondhawk queue move jobs --to later --max 100',
    '',
    'Status: 0 done, 1 it could not be done or not to the end, or the broker cannot be reached, 2 wrong usage.',
  ],
}

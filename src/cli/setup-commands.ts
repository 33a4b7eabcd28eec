// Rows of the table of commands: those that set a broker up, and those that look at a running one.

import { SHARE_STRATEGY_NAMES } from '../routing/share-strategy.ts'
import type { Command, Flag } from './commands.ts'
import { CONFIG, DATA, JSON_LINES, JSON_WHOLE } from './store-flags.ts'

const LIMIT: Flag = {
  name: 'limit',
  type: 'string',
  value: 'NUMBER',
  help: 'how many are shown at most (default: 50)',
}
const ASKED = 'Status: 0 done, 1 no broker is running or it refuses, 2 wrong usage.'

export const SETUP_COMMANDS: readonly Command[] = [
  {
    name: 'init',
    argument: '[FOLDER]',
    help: 'write a pondhawk.yaml with every key, commented out, and its schema for editors',
    flags: [],
    more: [
      'It never overwrites a file.',
      '',
      'Status: 0 done, 1 there is one already or the folder cannot be written to, 2 wrong usage.',
    ],
  },
  {
    name: 'doctor',
    help: 'look for what would keep a broker from running well here, and say what to do',
    flags: [JSON_WHOLE, CONFIG, DATA],
    more: [
      'It looks at the configuration, ports, the directory of the store, its disk and how long a sync takes, the clock, certificates,',
      'descriptors, memory and Node. It changes nothing; for the sync it writes a small file and removes it.',
      '',
      'Status: 0 no problem (perhaps warnings), 1 a problem, 2 wrong usage.',
    ],
  },
  {
    name: 'service',
    argument: 'install',
    help: 'write a unit of systemd for this broker; without root it is only printed',
    flags: [
      { name: 'dry-run', type: 'boolean', help: 'print it, also as root' },
      { name: 'replace', type: 'boolean', help: 'overwrite a unit that differs' },
      {
        name: 'unit',
        type: 'string',
        value: 'FILE',
        help: 'where it is written (default: /etc/systemd/system/pondhawk.service)',
      },
      {
        name: 'config',
        short: 'c',
        type: 'string',
        value: 'FILE',
        help: 'configuration of the service (default: /etc/pondhawk/pondhawk.yaml)',
      },
      JSON_WHOLE,
    ],
    more: [
      'systemd-analyze verify checks the unit before it is written. The commands that are left to do are printed: no user is made, nothing is started.',
      '',
      'Status: 0 done, 1 it cannot be written or systemd refuses it, 2 wrong usage.',
    ],
  },
  {
    name: 'import',
    argument: 'FILE',
    help: 'take over from mosquitto: its configuration as YAML, its database as a store',
    flags: [
      {
        name: 'output',
        short: 'o',
        type: 'string',
        value: 'FILE',
        help: 'file for the YAML (default: the standard output)',
      },
      { name: 'dry-run', type: 'boolean', help: 'count what is in a database, and write nothing' },
      JSON_WHOLE,
      CONFIG,
      DATA,
    ],
    more: [
      '  pondhawk import /etc/mosquitto/mosquitto.conf -o pondhawk.yaml',
      '  pondhawk import /var/lib/mosquitto/mosquitto.db --data pondhawk-data',
      '',
      'In the YAML comments name the lines. A database becomes a new store, while neither broker runs; its file is not changed.',
      '',
      'Status: 0 done, 1 it could not be done, 2 wrong usage, 3 something in the configuration is wrong or refused, 13 it cannot be read.',
    ],
  },
  {
    name: 'completion',
    argument: 'bash | zsh | fish',
    help: 'print what a shell needs to complete commands, flags and files',
    flags: [],
    more: [
      '  source <(pondhawk completion bash)          in ~/.bashrc',
      '  source <(pondhawk completion zsh)           in ~/.zshrc, after compinit',
      '  pondhawk completion fish | source           in ~/.config/fish/config.fish',
    ],
  },
  {
    name: 'help',
    argument: '[COMMAND]',
    help: 'the same as COMMAND --help',
    flags: [],
  },
]

export const LOOKING_COMMANDS: readonly Command[] = [
  {
    name: 'top',
    help: 'rates, alarms and the busiest clients of a running broker, again each second on a terminal',
    flags: [
      { name: 'once', type: 'boolean', help: 'print it once, also on a terminal' },
      JSON_WHOLE,
      CONFIG,
      DATA,
    ],
    more: [
      'Without a terminal, and with --json, it is printed once: rates are those of one second. The key q ends it.',
      '',
      ASKED,
    ],
  },
  {
    name: 'clients',
    argument: '[QUERY]',
    help: 'list clients of a running broker, whose id, user or address has QUERY in it',
    flags: [
      {
        name: 'state',
        type: 'string',
        value: 'STATE',
        help: 'connected, or away: with a session only',
      },
      {
        name: 'sort',
        type: 'string',
        value: 'FIELD',
        help: 'clientId (default), queuedMessages, messagesReceived and so on; - before it: largest first',
      },
      LIMIT,
      JSON_LINES,
      CONFIG,
      DATA,
    ],
    more: [
      '  pondhawk clients                            the first 50',
      '  pondhawk clients --sort=-messagesReceived   who sends most',
      '  pondhawk clients esp32 --state away         whose session waits',
      '  pondhawk clients --json --limit 100000 | jq ...',
      '',
      ASKED,
    ],
  },
  {
    name: 'groups',
    argument:
      '[NAME/FILTER] | set NAME/FILTER [CLIENT_ID] | drain NAME/FILTER CLIENT_ID | undrain NAME/FILTER CLIENT_ID | reset NAME/FILTER',
    help: 'list share groups of a running broker, or the members of one; change how a group chooses',
    flags: [
      {
        name: 'strategy',
        type: 'string',
        value: 'NAME',
        help: `set: ${SHARE_STRATEGY_NAMES.join(', ')}`,
      },
      {
        name: 'weight',
        type: 'string',
        value: 'N',
        help: 'set: the weight of the client, 1 to 1000',
      },
      {
        name: 'no-wait',
        type: 'boolean',
        help: 'drain: do not wait until the client has settled all',
      },
      {
        name: 'where',
        type: 'string',
        value: 'EXPRESSION',
        help: 'the group with this expression: groups differ by it',
      },
      JSON_LINES,
      CONFIG,
      DATA,
    ],
    more: [
      '  pondhawk groups                             those with the longest queues first',
      "  pondhawk groups 'workers/jobs/#'            the members of $share/workers/jobs/#",
      "  pondhawk groups set 'workers/jobs/#' --strategy weighted",
      "  pondhawk groups set 'workers/jobs/#' worker-1 --weight 3",
      "  pondhawk groups drain 'workers/jobs/#' worker-1     no new messages; ends when it has settled those that it has",
      "  pondhawk groups undrain 'workers/jobs/#' worker-1",
      "  pondhawk groups reset 'workers/jobs/#'      as the configuration and the clients say",
      '',
      'What is set stays over a restart, if the broker has a store.',
      '',
      ASKED,
    ],
  },
  {
    name: 'retained',
    argument: 'list [FILTER] | get TOPIC | clear FILTER',
    help: 'list, print or delete retained messages of a running broker',
    flags: [
      { name: 'dry-run', type: 'boolean', help: 'clear: only count them' },
      LIMIT,
      JSON_LINES,
      CONFIG,
      DATA,
    ],
    more: [
      "  pondhawk retained list 'home/#'             topics and the beginning of each payload",
      '  pondhawk retained get home/door             the payload, byte for byte',
      "  pondhawk retained clear 'home/+/state' --dry-run",
      "  pondhawk retained clear 'home/+/state'      deletes what it has counted just before, or nothing",
      '',
      ASKED,
    ],
  },
]

// The commands and flags of `pondhawk`, as data: parsing, help and suggestions come from here.

import { QUEUE_COMMAND } from './queue-flags.ts'
import { RECORD_COMMANDS, type RecordCommandName } from './record-commands.ts'
import { CONFIG, DATA, JSON_LINES, JSON_WHOLE } from './store-flags.ts'
import { nearest } from '../nearest.ts'
import { UsageError } from './usage-error.ts'
import { LOOKING_COMMANDS, SETUP_COMMANDS } from './setup-commands.ts'
import { PUB_FLAGS, SUB_FLAGS } from './client/client-flags.ts'

export interface Flag {
  readonly name: string
  readonly short?: string
  readonly type: 'string' | 'boolean'
  readonly value?: string
  readonly help: string
}

/** Each has its case in `cli/run.ts`, which the compiler asks for. */
type CommandName =
  | RecordCommandName
  | 'start'
  | 'init'
  | 'import'
  | 'doctor'
  | 'service'
  | 'completion'
  | 'help'
  | 'top'
  | 'clients'
  | 'retained'
  | 'groups'
  | 'bridges'
  | 'delayed'
  | 'transactions'
  | 'queue'
  | 'pub'
  | 'sub'
  | 'check'
  | 'store'
  | 'status'
  | 'dashboard'
  | 'key'
  | 'session'
  | 'kick'
  | 'drain'
  | 'user'
  | 'passwd'

export interface Command {
  readonly name: CommandName
  readonly argument?: string
  readonly help: string
  readonly flags: readonly Flag[]
  /** Examples and other text of `pondhawk NAME --help`. */
  readonly more?: readonly string[]
}

export const COMMANDS: readonly Command[] = [
  ...SETUP_COMMANDS,
  ...LOOKING_COMMANDS,
  {
    name: 'start',
    help: 'run the broker (this is what happens without a command)',
    flags: [
      CONFIG,
      {
        name: 'port',
        short: 'p',
        type: 'string',
        value: 'PORT',
        help: 'port of the first MQTT listener',
      },
      {
        name: 'ws-port',
        type: 'string',
        value: 'PORT',
        help: 'port of the first WebSocket listener, and of the web page',
      },
      { name: 'host', type: 'string', value: 'HOST', help: 'address of all listeners' },
      {
        name: 'lan',
        type: 'boolean',
        help: 'serve other machines on the network too, with a user and a password made for them',
      },
      DATA,
      { name: 'verbose', short: 'v', type: 'boolean', help: 'print debug lines' },
      {
        name: 'mosquitto-conf',
        type: 'string',
        value: 'FILE',
        help: 'configuration of mosquitto; -c FILE takes it too',
      },
      {
        name: 'daemon',
        short: 'd',
        type: 'boolean',
        help: 'run in the background; the log goes to the file of log_dest',
      },
      { name: 'test-config', type: 'boolean', help: 'check the configuration, and start nothing' },
    ],
    more: [
      '  pondhawk start -c /etc/mosquitto/mosquitto.conf',
      '',
      'With a mosquitto.conf the status is that of mosquitto: 1 no address or no store, 3 something in it is wrong or refused,',
      '13 a file cannot be read. See docs/how-to/move-from-mosquitto.md.',
    ],
  },
  {
    name: 'pub',
    argument: '[TOPIC [TEXT]]',
    help: 'publish, with the flags of mosquitto_pub',
    flags: PUB_FLAGS,
    more: [
      '  pondhawk pub hello/world hi                 the same as -t hello/world -m hi',
      '  pondhawk pub -t home/door -m open -r -q 1   retained, at QoS 1: ends when the broker has acknowledged it',
      '  tail -f log.txt | pondhawk pub -t logs -l   each line is a message',
      '  pondhawk pub -t a -m b -D publish content-type text/plain',
      '',
      'Status: 0 done, 1 it failed or was refused, 2 wrong usage; if CONNECT was refused, the reason code (in MQTT 3 the return code).',
    ],
  },
  {
    name: 'sub',
    argument: '[FILTER ...]',
    help: 'subscribe and print messages, with the flags of mosquitto_sub',
    flags: SUB_FLAGS,
    more: [
      "  pondhawk sub 'hello/#' -v                   topics and messages, until Control-C",
      '  pondhawk sub -t home/door -C 1 -W 5         one message, or status 27 after five seconds',
      '  pondhawk sub -L ws://localhost:8083/mqtt -t a',
      "  pondhawk sub -t '#' -F '@H:@M:@S %t %p'     each with its time; %j prints a line of JSON",
      '',
      'A format has the parts of mosquitto_sub: %t topic, %p payload, %x in hexadecimal, %l its bytes, %q QoS, %r retained, %m packet identifier,',
      '%j and %J JSON, %I and %U the time; of MQTT 5 %A %C %D %E %F %P %R %S. %-20t is 20 wide, %.20t 20 at most. @ and a letter of strftime, \\n, \\t, \\e.',
      '',
      'It prints payloads byte for byte; on a terminal, characters that would control it are escaped. A lost connection is opened again.',
      'Status: 0 done, 1 it failed, 2 wrong usage, 27 timed out; if CONNECT was refused, the reason code (in MQTT 3 the return code).',
    ],
  },
  {
    name: 'check',
    argument: '[FILE]',
    help: 'validate a configuration and print what it amounts to',
    flags: [
      CONFIG,
      {
        name: 'explain',
        type: 'boolean',
        help: 'print each value with where it comes from: the default, a line of the file, or a variable',
      },
      JSON_WHOLE,
    ],
    more: ['Status: 0 it is valid, 2 wrong usage, 78 something is wrong, which is printed.'],
  },
  {
    name: 'store',
    argument: 'verify | stats | repair | backup DIR | restore DIR',
    help: 'read a store through, count, mend, copy while the broker runs, or copy back',
    flags: [JSON_WHOLE, CONFIG, DATA],
  },
  {
    name: 'status',
    help: 'print the figures of a running broker, with its drops and the limits that were reached',
    flags: [
      { name: 'json', type: 'boolean', help: 'print them as JSON, as /api/v1/status does' },
      CONFIG,
      DATA,
    ],
    more: [
      'Status: 0 the broker answers, 1 it does not, 2 wrong usage. So it can serve as a health check.',
    ],
  },
  {
    name: 'dashboard',
    help: 'print a link that signs a browser in to the dashboard of a running broker, once',
    flags: [
      JSON_WHOLE,
      {
        name: 'role',
        type: 'string',
        value: 'ROLE',
        help: 'operator (default), or viewer, who changes nothing and sees no payloads',
      },
      CONFIG,
      DATA,
    ],
    more: [
      '  pondhawk dashboard                          opens everything, within 10 minutes',
      '  pondhawk dashboard --role viewer            for the screen in the corridor',
      '',
      'Status: 0 done, 1 no broker is running, 2 wrong usage.',
    ],
  },
  {
    name: 'key',
    argument: 'add NAME | list | remove NAME',
    help: 'keys of programs for the REST API of a running broker',
    flags: [
      JSON_WHOLE,
      {
        name: 'role',
        type: 'string',
        value: 'ROLE',
        help: 'viewer (default), operator, or user, who publishes and reads messages',
      },
      {
        name: 'username',
        type: 'string',
        value: 'NAME',
        help: 'for the role user: the user of MQTT by whose rules',
      },
      { name: 'days', type: 'string', value: 'DAYS', help: 'how long the key counts' },
      CONFIG,
      DATA,
    ],
    more: [
      '  pondhawk key add prometheus                 prints a key, this one time',
      '  pondhawk key add ci --role operator --days 30',
      '  pondhawk key add shop --role user --username shop',
      '  pondhawk key remove ci                      it counts no more',
      '',
      'Status: 0 done, 1 no broker is running or it refuses, 2 wrong usage.',
    ],
  },
  {
    name: 'session',
    argument: 'list | end CLIENT_ID',
    help: 'list sessions, or end one with its subscriptions and queue, while the broker runs or not',
    flags: [JSON_LINES, CONFIG, DATA],
    more: [
      'A running broker is reached by the socket admin.sock in the directory of its store. Only its owner and root may open it.',
      '',
      '  pondhawk session list                       sessions, connected or away, with what is queued for each',
      '  pondhawk session list --json | jq ...       the same for programs',
      '  pondhawk session end esp32-7f               ends its session and its connection (0x98), and publishes its will',
      '',
      'Status: 0 done, 1 there is no such session or the broker cannot be reached, 2 wrong usage.',
    ],
  },
  {
    name: 'bridges',
    help: 'bridges to other brokers: whether they are connected or why not, and what waits for them',
    flags: [JSON_LINES, CONFIG, DATA],
    more: ['Status: 0 done, 1 the broker cannot be reached, 2 wrong usage.'],
  },
  {
    name: 'delayed',
    argument: 'list | cancel ID',
    help: 'messages to $delayed/ that are not due; cancel one',
    flags: [JSON_LINES, CONFIG, DATA],
    more: [
      '  pondhawk delayed list                       the next one first, with its id',
      '  pondhawk delayed cancel 4711                it is not published',
      '',
      'Status: 0 done, 1 there is no such message or the broker cannot be reached, 2 wrong usage.',
    ],
  },
  {
    name: 'transactions',
    argument: 'list | commit CLIENT_ID ID | abort CLIENT_ID ID',
    help: 'prepared transactions that wait for a decision; decide one',
    flags: [JSON_LINES, CONFIG, DATA],
    more: [
      '  pondhawk transactions list                  the oldest first',
      '  pondhawk transactions commit shop orders.7  what it staged is published',
      '  pondhawk transactions abort shop orders.7   nothing of it is',
      '',
      'Status: 0 done, 1 there is no such transaction or the broker cannot be reached, 2 wrong usage.',
    ],
  },
  {
    name: 'kick',
    argument: 'CLIENT_ID',
    help: 'disconnect a client of a running broker (0x98); its session stays, its will is published',
    flags: [
      { name: 'refuse', type: 'string', value: 'SECONDS', help: 'and refuse it for so long' },
      JSON_WHOLE,
      CONFIG,
      DATA,
    ],
    more: [
      'Without --refuse the client may connect again at once. To keep it out for good, remove its user.',
      '',
      'Status: 0 done, 1 it is not connected or the broker cannot be reached, 2 wrong usage.',
    ],
  },
  {
    name: 'drain',
    help: 'empty a running broker before a planned stop: no client is let in, all are disconnected in waves',
    flags: [
      {
        name: 'seconds',
        type: 'string',
        value: 'N',
        help: 'take at least so many seconds (default 0: 2,000 clients a second)',
      },
      JSON_WHOLE,
      CONFIG,
      DATA,
    ],
    more: [
      'Waits until no client is connected. It cannot be taken back: stop the broker then (SIGTERM).',
      '',
      'Status: 0 done, 1 the broker cannot be reached, 2 wrong usage.',
    ],
  },
  QUEUE_COMMAND,
  ...RECORD_COMMANDS,
  {
    name: 'user',
    argument: 'add NAME | passwd NAME | remove NAME | list',
    help: 'say who may come in: users with passwords, in a file that mosquitto reads as well',
    flags: [
      {
        name: 'file',
        type: 'string',
        value: 'FILE',
        help: 'password file (default: access.usersFile, or else ./pondhawk.users)',
      },
      CONFIG,
      {
        name: 'generate',
        type: 'boolean',
        help: 'make a password and print it, this one time',
      },
      {
        name: 'password',
        type: 'string',
        value: 'PASSWORD',
        help: 'give it here, where others on this machine may see it',
      },
      {
        name: 'scram',
        type: 'boolean',
        help: 'for SCRAM-SHA-256 as well: mosquitto does not read that line',
      },
      { ...JSON_LINES, help: 'list: print one JSON object per line' },
    ],
    more: [
      'Without --generate and --password you are asked for the password; a script gives it on the standard input.',
      '',
      '  pondhawk user add alice                     asks for a password, twice',
      '  pondhawk user add esp32-7f --generate       prints one to type on the device',
      '  pondhawk user add bob --scram               he may prove his password by SCRAM, and never send it',
      '  pondhawk user passwd alice < secret.txt     changes it to the first line of a file',
      '  pondhawk user remove alice                  she is out',
      '  pondhawk user list                          names, and how strong their hashes are',
      '',
      'Status: 0 done, 1 the file cannot be read or changed, 2 wrong usage.',
    ],
  },
  {
    name: 'passwd',
    argument: '[-c | -D] FILE USER | -b FILE USER PASSWORD | -U FILE',
    help: 'the same with the arguments of mosquitto_passwd',
    flags: [
      { name: 'batch', short: 'b', type: 'boolean', help: 'the password follows the user' },
      { name: 'create', short: 'c', type: 'boolean', help: 'make a new file; - prints the line' },
      { name: 'delete', short: 'D', type: 'boolean', help: 'remove the user' },
      { name: 'upgrade', short: 'U', type: 'boolean', help: 'hash the plain passwords in a file' },
      {
        name: 'hash',
        short: 'H',
        type: 'string',
        value: 'HASH',
        help: 'sha512-pbkdf2 (default), scram-sha-256, scram-sha-512, or sha512, which is weak',
      },
      {
        name: 'iterations',
        short: 'I',
        type: 'string',
        value: 'NUMBER',
        help: 'default: 210000 of sha512-pbkdf2, 65536 of SCRAM',
      },
    ],
    more: [
      '  pondhawk passwd -c users alice              a new file with one user',
      '  pondhawk passwd -b users bob secret         a second one, without a question',
      '  pondhawk passwd -D users bob                he is out',
      '  pondhawk passwd -U users                    plain passwords become hashes; hashes stay',
      '',
      'Status: 0 done, 1 the file cannot be read or changed, 2 wrong usage.',
    ],
  },
]

/** Throws UsageError. */
export function commandNamed(name: string): Command {
  const command = COMMANDS.find(each => each.name === name)
  if (command !== undefined) return command
  const meant = nearest(
    name,
    COMMANDS.map(each => each.name),
  )
  const hint = meant === null ? '' : ` Did you mean ${meant}?`
  throw new UsageError(`pondhawk has no command ${name}.${hint} Try pondhawk --help.`)
}

export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: 'help', short: 'h', type: 'boolean', help: 'print this' },
  { name: 'version', type: 'boolean', help: 'print the version' },
]

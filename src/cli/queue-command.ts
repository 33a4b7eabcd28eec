// `pondhawk queue`: the named queues of a running broker, what waits in one, and what an operator does with it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueDetail, QueuePeek, QueueRow, QueueTaskAnswer } from '../api/contract/queues.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf, rowsOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import { type UsageError, usageOf } from './usage-error.ts'
import type { CommandOutput } from './user-command.ts'

const POLL_MS = 500
const PAGE_MAX = 200
const PEEKED = 20
const TASKS = { purge: 'dropped', move: 'moved', redrive: 'put back' } as const

/** Throws UsageError, or an error with a sentence. */
export async function queueCommand(words: Words, config: Config): Promise<CommandOutput> {
  const { values, positionals } = words
  const [verb = 'list', name, ...more] = positionals
  const isJson = values['json'] === true
  const takesMore = verb === 'create' || verb === 'set'
  if (verb === 'list' && name === undefined) return list(isJson, config)
  if (name === undefined || (more.length > 0 && !takesMore)) {
    throw usage(
      'takes list, or show, peek, create, set, delete, purge, move or redrive and a NAME.',
    )
  }
  switch (verb) {
    case 'show':
      return show(name, isJson, config)
    case 'peek':
      return peek(name, maxIn(words) ?? PEEKED, isJson, config)
    case 'create':
    case 'set':
      return set(verb, name, more, words, config)
    case 'delete':
      return remove(name, words, config)
    case 'purge':
    case 'move':
    case 'redrive':
      return does(verb, name, words, config)
    default:
      throw usage(`has no ${JSON.stringify(verb)}.`)
  }
}

async function list(isJson: boolean, config: Config): Promise<CommandOutput> {
  const rows = await rowsOf<QueueRow>(config, '/queues')
  const cells = rows.map(row => [
    row.name,
    row.order,
    row.oldestAt ?? '',
    ...[row.messages, row.inFlight, row.consumers, row.deadLetters].map(String),
  ])
  const headings = ['QUEUE', 'ORDER', 'OLDEST', 'WAITING', 'IN FLIGHT', 'CONSUMERS', 'DEAD']
  const note = `${rows.length.toLocaleString('en')} named ${rows.length === 1 ? 'queue' : 'queues'}\n`
  return { output: isJson ? jsonLines(rows) : table([headings, ...cells], 3), note }
}

async function show(name: string, isJson: boolean, config: Config): Promise<CommandOutput> {
  const queue = await queueNamed(name, config)
  if (isJson) return { output: jsonLines([queue]), note: '' }
  const { settings, clients, counts } = queue
  const facts = [
    ['made by', queue.madeBy],
    ['waiting', `${queue.messages} messages, ${queue.bytes} bytes`],
    ['oldest', queue.oldestAt ?? ''],
    ['in flight', String(queue.inFlight)],
    ['held', String(queue.held)],
    ['locked', String(queue.locked)],
    ...Object.entries(settings).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map(shownName).join(',') : String(value),
    ]),
    ...Object.entries(counts).map(([key, count]) => [`counted ${key}`, String(count)]),
    ...clients.map(({ clientId, isConnected, inFlight }) => [
      `consumer ${shownName(clientId)}`,
      `${isConnected ? 'connected' : 'away'}, has ${inFlight}`,
    ]),
  ]
  return { output: table(facts), note: '' }
}

async function peek(
  name: string,
  max: number,
  isJson: boolean,
  config: Config,
): Promise<CommandOutput> {
  const rows: QueuePeek['items'][number][] = []
  let after: number | null = 0
  while (after !== null && rows.length < max) {
    const limit = String(Math.min(PAGE_MAX, max - rows.length))
    const query = { name, limit, after: String(after) }
    const page = JSON.parse(await answerOf(config, { path: '/queue/messages', query })) as QueuePeek
    for (const row of page.items) rows.push(row)
    after = page.next
  }
  const cells = rows.map(row => [
    shownName(row.topic),
    row.deadLetterReason ?? '',
    row.encoding === 'utf8' ? shownName(row.payload ?? '') : `${row.payloadBytes} bytes`,
    String(row.deliveries),
  ])
  const headings = ['TOPIC', 'DEAD', 'PAYLOAD', 'DELIVERIES']
  const output = isJson ? jsonLines(rows) : table([headings, ...cells], 3)
  return { output, note: `the ${rows.length} oldest, which stay\n` }
}

async function set(
  verb: 'create' | 'set',
  name: string,
  settings: readonly string[],
  { values }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (verb === 'set' && settings.length === 0) throw usage('set NAME takes KEY=VALUE.')
  const isThere = (await answerOrNull(name, config)) !== null
  if (verb === 'create' && isThere) throw new Error(`there is a queue ${name}: change it by set`)
  if (verb === 'set' && !isThere) throw new Error(`there is no queue ${name}: make it by create`)
  const body = Object.fromEntries(settings.map(settingIn))
  const answer = await answerOf(config, { method: 'PUT', path: '/queue', query: { name }, body })
  const { madeBy } = JSON.parse(answer) as QueueDetail
  const until =
    madeBy === 'configuration' ? ', until the next start: the configuration sets it' : ''
  const note = `the queue ${name} is ${verb === 'create' ? 'made' : 'changed'}${until}\n`
  return { output: values['json'] === true ? answer : '', note }
}

async function remove(name: string, { values }: Words, config: Config): Promise<CommandOutput> {
  const { messages, inFlight, madeBy } = await queueNamed(name, config)
  const what = `${messages} waiting messages, and ${inFlight} that consumers have`
  if (values['dry-run'] === true) {
    return { output: '', note: `would delete the queue ${name} with ${what}\n` }
  }
  await answerOf(config, { method: 'DELETE', path: '/queue', query: { name } })
  const again = madeBy === 'configuration' ? '; the configuration makes it again' : ''
  return { output: '', note: `the queue ${name} is deleted with ${what}${again}\n` }
}

async function does(
  task: keyof typeof TASKS,
  name: string,
  words: Words,
  config: Config,
): Promise<CommandOutput> {
  const { values } = words
  const { to } = values
  if ((task === 'move') !== (typeof to === 'string')) {
    throw usage('move NAME needs --to NAME, and nothing else takes it.')
  }
  const dryRun = values['dry-run'] === true
  const max = maxIn(words)
  const body = { dryRun, ...(max !== null && { max }), ...(task === 'move' && { to }) }
  const question = { method: 'POST', path: `/queue/${task}`, query: { name }, body } as const
  const first = JSON.parse(await answerOf(config, question)) as QueueTaskAnswer
  const output = values['json'] === true ? jsonLines([first]) : ''
  const what = (count: number): string => `${count.toLocaleString('en')} of the queue ${name}`
  if (dryRun) return { output, note: `would be ${TASKS[task]}: ${what(first.matched)}\n` }
  if (!first.isOver) await whenOver(name, config)
  if (first.stopped !== null) {
    throw new Error(`${TASKS[task]}: ${what(first.done)}, and then it stopped: ${first.stopped}`)
  }
  return { output, note: `${TASKS[task]}: ${what(first.isOver ? first.done : first.matched)}\n` }
}

async function whenOver(name: string, config: Config): Promise<void> {
  for (;;) {
    await sleep(POLL_MS)
    const queue = await answerOrNull(name, config)
    if (queue === null || queue.operation === null) return
  }
}

async function queueNamed(name: string, config: Config): Promise<QueueDetail> {
  const queue = await answerOrNull(name, config)
  if (queue !== null) return queue
  throw new Error(`there is no queue ${shownName(name)}: pondhawk queue list shows them`)
}

async function answerOrNull(name: string, config: Config): Promise<QueueDetail | null> {
  try {
    const query = { name }
    return JSON.parse(await answerOf(config, { path: '/queue', query })) as QueueDetail
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('there is no such queue')) return null
    throw error
  }
}

function settingIn(word: string): readonly [string, string | number | boolean | readonly string[]] {
  const end = word.indexOf('=')
  if (end < 1) throw usage(`takes settings as KEY=VALUE, and not ${JSON.stringify(word)}.`)
  const [key, value] = [word.slice(0, end), word.slice(end + 1)]
  if (key === 'filters') return [key, value === '' ? [] : value.split(',')]
  if (key === 'latestByKey' && /^(?:true|false)$/.test(value)) return [key, value === 'true']
  return [key, /^\d{1,15}$/.test(value) ? Number(value) : value]
}

function maxIn({ values }: Words): number | null {
  const { max } = values
  if (max === undefined) return null
  if (typeof max !== 'string' || !/^[1-9]\d{0,14}$/.test(max)) throw usage('--max takes a number.')
  return Number(max)
}

function usage(sentence: string): UsageError {
  return usageOf('queue')(`pondhawk queue ${sentence}`)
}

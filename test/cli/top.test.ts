// `pondhawk top`, `clients` and `retained`, which look at a running broker.

import { resolve } from 'node:path'
import { test } from 'tap'
import { commandNamed } from '../../src/cli/commands.ts'
import { wordsOf } from '../../src/cli/flags.ts'
import { groupsCommand } from '../../src/cli/groups-command.ts'
import { queueCommand } from '../../src/cli/queue-command.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { CLI } from '../command.ts'
import { configured } from './configured-broker.ts'
import { noTerminal, PseudoTerminal } from './pseudo-terminal.ts'

test('top is shown again each second on a terminal, until q', { skip: noTerminal }, async t => {
  const { start, folder } = configured(t)
  const { stop } = await start()
  const terminal = new PseudoTerminal(
    t,
    `exec ${process.execPath} ${CLI} top -c pondhawk.yaml`,
    folder,
  )
  await terminal.shows(/pondhawk .* up \d+ s/)
  await terminal.shows(/pondhawk .* up \d+ s/)
  terminal.types('q')

  t.equal(await terminal.ends(), 0)
  t.match(terminal.text, '\u001b[?1049l')
  await stop()
})

test('top, clients and retained show what a running broker has', async t => {
  const { command, start, folder } = configured(t)
  t.match((await command('top')).errors, /no store in|no broker is running/)
  const { connect, stop } = await start()
  const busy = await connect('busy')
  const hostile = await connect('x<script>\u202e y')
  await busy.subscribeAsync('home/#')
  await hostile.subscribeAsync('$share/workers/jobs/#')
  for (const [topic, payload] of [
    ['home/door', 'open'],
    ['home/light', 'x'.repeat(100)],
    ['other', '\u001b[2J'],
  ] as const) {
    await busy.publishAsync(topic, payload, { retain: true, qos: 1 })
  }

  // The admin socket has four places.
  const [top, topJson, clients, found] = await Promise.all([
    command('top'),
    command('top', '--json'),
    command('clients', '--sort=-messagesReceived'),
    command('clients', 'bus', '--limit', '1'),
  ])
  const [json, list, get, dry] = await Promise.all([
    command('clients', '--json'),
    command('retained', 'list'),
    command('retained', 'get', 'home/door'),
    command('retained', 'clear', 'home/+', '--dry-run'),
  ])
  const groups = await command('groups')
  const group = await command('groups', 'workers/jobs/#')
  t.match(groups.output, /\nworkers +jobs\/# +round-robin +1 of 1 +0 +0\n/)
  t.match(group.output, /\n"x<script>\\u\{202e\} y" +connected +1 +0 +0\n/)
  t.match((await command('groups', 'workers/none')).errors, 'there is no such share group')
  const id = 'x<script>\u202e y'
  const changes = [
    await command('groups', 'set', 'workers/jobs/#', '--strategy', 'random'),
    await command('groups', 'set', 'workers/jobs/#', id, '--weight', '3'),
    await command('groups', 'drain', 'workers/jobs/#', id),
    await command('groups', 'workers/jobs/#'),
    await command('groups', 'reset', 'workers/jobs/#'),
    await command('groups', 'drain', 'workers'),
  ]
  t.match(
    changes.map(({ errors }) => errors),
    [
      '$share/workers/jobs/# chooses by random now (administrator)',
      '"x<script>\\u{202e} y" has the weight 3 now, which counts when the strategy is weighted',
      '"x<script>\\u{202e} y" gets no new messages, and has settled all',
      'random, 0 messages wait',
      'is as the configuration and the clients say',
      'drain takes a group as NAME/FILTER, and not "workers"',
    ],
  )
  t.match(changes[3]?.output, /connected, drained/)
  const wrong = await command('clients', '--limit', 'x')
  await hostile.subscribeAsync('$share/big/jobs/#', {
    qos: 1,
    properties: { userProperties: { $where: 'size > 9' } },
  })
  const config = parseConfig({ store: { directory: resolve(folder, 'data'), durability: 'os' } })
  const queue = async (...args: string[]): Promise<string> => {
    const { output, note } = await queueCommand(wordsOf(commandNamed('queue'), args), config)
    return output + note
  }
  const queued = [await queue('create', 'jobs', 'filters=work/#', 'order=fifo', 'messagesMax=9')]
  await busy.publishAsync('work/\u202e', '\u001b[2J', { qos: 1 })
  queued.push(await queue('list'), await queue('peek', 'jobs'), await queue('show', 'jobs'))
  queued.push(await queue('purge', 'jobs', '--dry-run'), await queue('purge', 'jobs'))
  queued.push(await queue('delete', 'jobs'))
  t.match(queued, [
    'the queue jobs is made\n',
    /\njobs +fifo +20\S+Z +1 +0 +0 +0\n1 named queue\n/,
    /\n"work\/\\u\{202e\}" +"\\u001b\[2J" +0\nthe 1 oldest/,
    /\nmessagesMax +9\n/,
    'would be dropped: 1 of the queue jobs\n',
    'dropped: 1 of the queue jobs\n',
    'the queue jobs is deleted with 0 waiting messages',
  ])
  const expression = { json: true, where: 'size > 9' }
  const big = await groupsCommand({ values: expression, positionals: ['big/jobs/#'] }, config)
  t.match(JSON.parse(big.output), { where: 'size > 9', members: 1 })
  await t.rejects(queue('show', 'jobs'), /there is no queue jobs: pondhawk queue list/)
  await t.rejects(queue('move', 'jobs'), /move NAME needs --to NAME/)

  t.match(top.output, /^pondhawk .* up \d+ s/)
  t.match(top.output, /Connected +2\n/)
  t.match(JSON.parse(topJson.output), {
    gauges: { clientsConnected: 2, retainedMessages: 3 },
    rates: {},
  })
  t.match(
    clients.output,
    /^CLIENT +USER +STATE +ADDRESS +MQTT +SUBS[^\n]*\nbusy +- +connected +127\.0\.0\.1 +5\.0 +1 +0 +0 +3 /,
  )
  t.match(clients.output, '"x<script>\\u{202e} y"')
  t.equal(clients.errors, '2 clients\n')
  t.match(found.output, /\nbusy [^\n]*\n$/)
  t.equal(json.output.split('\n').length, 3)
  t.match(JSON.parse(json.output.split('\n')[0] ?? ''), { clientId: 'busy', state: 'connected' })
  t.match(list.output, /^home\/door +1 +4 +busy +open$/m)
  t.match(list.output, /^home\/light +1 +100 +busy +x{60} …$/m)
  t.notMatch(list.output + clients.output, /[\u001b\u202e]/)
  t.equal(get.output, 'open')
  t.equal(dry.output, '2\n')
  t.equal(wrong.status, 2)

  t.equal((await command('retained', 'clear', 'home/+')).output, '2\n')
  t.equal((await command('retained', 'list')).errors, '1 retained message\n')
  const missing = await command('retained', 'get', 'home/door')
  t.equal(missing.status, 1)
  t.match(missing.errors, 'no message is retained for this topic')
  const kicked = await command('kick', 'busy', '--refuse', '60', '--json')
  t.equal(kicked.output, '{"disconnected":1}\n')
  t.equal(kicked.errors, 'busy is disconnected, and refused for 60 s\n')
  await connect('late', { clean: true, properties: {} })
  await command('kick', 'late', '--refuse', '60')
  await t.rejects(connect('late', { clean: true, properties: {} }))
  const refused = await command('clients', 'LATE')
  t.match(refused.errors, /^0 clients\nlate was refused at \S+: .+ → .+\n$/)
  await hostile.endAsync()
  await stop()
})

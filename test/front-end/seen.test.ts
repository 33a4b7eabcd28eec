// What can be seen of front ends: in the status, in `/metrics` and on the screen of `pondhawk top`.

import { test } from 'tap'
import type { StatusAnswer } from '../../src/api/contract/status.ts'
import { glanceAt, screenOf } from '../../src/cli/top-command.ts'
import { FrontEndedBroker, until } from './front-ended-broker.ts'

async function statusOf(world: FrontEndedBroker): Promise<StatusAnswer> {
  const answer = await fetch(`${world.url(1).replace('ws:', 'http:')}/api/v1/status`)
  return (await answer.json()) as StatusAnswer
}

async function metricsOf(world: FrontEndedBroker): Promise<(name: string) => number> {
  const answer = await fetch(`${world.url(1).replace('ws:', 'http:')}/metrics`)
  const lines = (await answer.text()).split('\n')
  return name => Number(lines.find(line => line.startsWith(`${name} `))?.slice(name.length))
}

async function started(...[t]: Parameters<typeof FrontEndedBroker.start>) {
  const listeners = [{ port: 0 }, { port: 0, protocol: 'ws' as const }]
  return FrontEndedBroker.start(t, { frontEnds: 2, listeners })
}

test('status and metrics have the connections, CPU, memory and link of each front end', async t => {
  const world = await started(t, {})
  const before = await statusOf(world)
  for (let count = 0; count < 4; count++) {
    const client = await world.client(t)
    await client.publishAsync('a', 'x'.repeat(10_000), { qos: 1 })
  }

  const { frontEnds, cpuSeconds } = await statusOf(world)
  const valueOf = await metricsOf(world)

  t.ok(cpuSeconds > before.cpuSeconds)
  t.strictSame(
    new Map(frontEnds.map(({ name, pid }) => [name, pid])),
    new Map(world.said('front-end.ready').map(({ frontEnd, pid }) => [frontEnd, pid])),
  )
  for (const [index, each] of frontEnds.entries()) {
    t.ok(each.cpuSeconds > 0 && each.rssBytes > 1e7, each.name)
    t.ok(each.linkBytesReceived > (before.frontEnds[index]?.linkBytesReceived ?? 0) + 20_000)
    t.ok(each.linkBytesSent > 0)
    t.match(each, { restarts: 0, failures: { ended: 0 }, lastFailure: null })
    t.equal(valueOf(`pondhawk_front_end_up{process="${each.name}"}`), 1)
    t.ok(valueOf(`pondhawk_front_end_connections{process="${each.name}"}`) >= 2)
    t.ok(valueOf(`pondhawk_front_end_link_received_bytes_total{process="${each.name}"}`) > 20_000)
  }
})

test('a front end that was killed is counted by its cause, and its restart too', async t => {
  const world = await started(t, {})
  const [first] = (await statusOf(world)).frontEnds
  const bytesBefore = first?.linkBytesReceived ?? 0

  process.kill(Number(first?.pid), 'SIGKILL')
  await until(() => world.processes.length === 3)

  const { frontEnds } = await statusOf(world)
  t.match(frontEnds[0], {
    pid: world.processes[2],
    restarts: 1,
    failures: { ended: 1, silent: 0, 'broke-rules': 0, 'not-ready': 0 },
    lastFailure: { cause: 'its process ended by SIGKILL' },
  })
  t.ok((frontEnds[0]?.linkBytesReceived ?? 0) >= bytesBefore, 'counters do not go back')
  const valueOf = await metricsOf(world)
  t.equal(valueOf('pondhawk_front_end_failures_total{cause="ended"}'), 1)
  t.equal(valueOf('pondhawk_front_end_failures_total{cause="silent"}'), 0)
  const cpu = 'pondhawk_front_end_cpu_seconds_total{process="front-end-1"}'
  t.ok(valueOf(cpu) >= Number(first?.cpuSeconds), 'no counter goes back')
  t.equal(valueOf('pondhawk_front_end_restarts_total{process="front-end-1"}'), 1)
  t.equal(valueOf('pondhawk_front_end_restarts_total{process="front-end-2"}'), 0)
})

test('top has a line for each process, and says why one does not run', async t => {
  const world = await started(t, {})
  const before = await statusOf(world)
  const later = new Date(Date.parse(before.at) + 2_000).toISOString()
  const [one, two] = before.frontEnds
  if (one === undefined || two === undefined) throw new Error('there are two')
  const after: StatusAnswer = {
    ...before,
    at: later,
    cpuSeconds: before.cpuSeconds + 1,
    rssBytes: 100 * 1_048_576,
    frontEnds: [
      { ...one, cpuSeconds: one.cpuSeconds + 0.5, rssBytes: 50 * 1_048_576, connections: 1_234 },
      { ...two, pid: null, lastFailure: { at: later, cause: 'its process ended\u001b[2J' } },
    ],
  }

  const screen = screenOf(glanceAt(before, after))

  t.match(screen, /\nProcess +CPU +Memory +Connections\n/)
  t.match(screen, /\ncore +50 % +100 MiB\n/)
  t.match(screen, /\nfront-end-1 +25 % +50 MiB +1,234\n/)
  t.match(screen, /\nfront-end-2 +does not run: .*its process ended/)
  t.notMatch(screen, '\u001b')
  t.notMatch(screenOf(glanceAt(before, { ...after, frontEnds: [] })), 'Process ')
})

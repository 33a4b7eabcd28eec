import { test } from 'tap'
import { Ledger } from '../../soak/ledger.ts'
import { growthOf, negativesIn, type Sample } from '../../soak/samples.ts'

const RECEIVERS = new Map([['data', ['reader']]])

test('the ledger of a soak is silent about what arrived whole', async t => {
  const ledger = new Ledger()
  for (const number of [1, 2, 3]) {
    ledger.acknowledge('data', number, 'in-order')
    ledger.receive('data', number, 'reader', 2)
    ledger.work('jobs', number)
    ledger.acknowledge('jobs', number, 'shared')
  }
  ledger.receive('data', 3, 'reader', 1)
  ledger.work('jobs', 2)
  t.strictSame(ledger.findings, [])
  t.strictSame(ledger.outstanding(RECEIVERS), [])
  t.equal(ledger.repeated, 2)
})

test('it finds a gap, a repetition at QoS 2, and what never arrived', async t => {
  const ledger = new Ledger()
  for (const number of [1, 2, 3, 4]) ledger.acknowledge('data', number, 'in-order')
  ledger.acknowledge('jobs', 1, 'shared')
  ledger.receive('data', 1, 'reader', 2)
  ledger.receive('data', 3, 'reader', 2)
  ledger.receive('data', 3, 'reader', 2)
  t.strictSame(ledger.findings, [
    'reader got data 3 after 1: some are missing',
    'reader got data 3 after 3 at QoS 2',
  ])
  t.strictSame(ledger.outstanding(RECEIVERS), [
    'nobody has worked on 1 of jobs',
    'reader has data up to 3 of 4',
  ])
})

test('memory that grows from the second quarter to the last is told from memory that does not', async t => {
  const mebibyte = 1_024 * 1_024
  const sampleAt = (seconds: number, residentBytes: number): Sample => {
    const metrics = new Map([['gauge', 100 - seconds]])
    return { seconds, residentBytes, descriptors: 1, threads: 1, metrics, counters: new Set() }
  }
  const run = (bytesAt: (seconds: number) => number): readonly Sample[] =>
    Array.from({ length: 100 }, (_, second) => sampleAt(second, bytesAt(second)))
  t.equal(growthOf(run(second => (second < 20 ? 100 : 200) * mebibyte)).isFlat, true)
  t.equal(growthOf(run(second => (200 + second) * mebibyte)).isFlat, false)
  t.strictSame(negativesIn(sampleAt(101, 0)), ['gauge was -1 after 101 s'])
})

import { test } from 'tap'
import { Ledger } from '../../soak/ledger.ts'
import { type Part, partIn, payloadOf, TransactionLedger } from '../../soak/transaction-ledger.ts'

interface Kept {
  readonly ledger: TransactionLedger
  readonly findings: readonly string[]
}

function kept(...receivers: readonly string[]): Kept {
  const findings: string[] = []
  const ledger = new TransactionLedger(sentence => findings.push(sentence))
  for (const receiver of receivers) ledger.addReceiver(receiver)
  return { ledger, findings }
}

function part(number: number, which: number, parts: number, stream = 'shop'): Part {
  return { stream, number, part: which, parts }
}

test('the soak is silent about transactions that came whole, before or after their outcome', async t => {
  const { ledger, findings } = kept('one', 'two')
  ledger.receive('one', part(1, 1, 2))
  ledger.receive('one', part(1, 2, 2))
  ledger.commit('shop', 1)
  ledger.drop('shop', 2)
  ledger.commit('shop', 3)
  for (const receiver of ['one', 'two']) {
    ledger.receive(receiver, part(1, 1, 2))
    ledger.receive(receiver, part(1, 2, 2))
    ledger.receive(receiver, part(3, 1, 1))
  }
  t.strictSame(findings, [])
  t.strictSame(ledger.outstanding(), [])
  t.equal(ledger.receive('two', part(1, 2, 2)), false)
  t.strictSame(partIn('shop', Buffer.from(payloadOf(part(7, 2, 3)))), part(7, 2, 3))
})

test('it finds a part that is missing, at the beginning, in the middle and at the end', async t => {
  const { ledger, findings } = kept('one')
  ledger.receive('one', part(1, 2, 2))
  ledger.receive('one', part(2, 1, 3))
  ledger.receive('one', part(2, 3, 3))
  ledger.receive('one', part(3, 1, 2))
  ledger.receive('one', part(4, 1, 2))
  t.strictSame(findings, [
    'one got shop 1 2 2 after 0 0 0',
    'one got shop 2 3 3 after 2 1 3',
    'one got shop 4 1 2 after 3 1 2',
  ])
  t.strictSame(ledger.outstanding(), ['one has 1 of 2 of shop 4'])
})

test('it finds what was not committed, what was passed over, and what stands between', async t => {
  const { ledger, findings } = kept('one')
  ledger.receive('one', part(1, 1, 1))
  ledger.drop('shop', 1)
  ledger.drop('shop', 2)
  ledger.receive('one', part(2, 1, 1))
  ledger.commit('shop', 3)
  ledger.receive('one', part(4, 1, 2))
  ledger.receive('one', part(1, 1, 1, 'bank'))
  ledger.commit('bank', 1)
  ledger.commit('bank', 2)
  t.strictSame(findings, [
    'one got shop 1, which was not committed',
    'one got shop 2, which was not committed',
    'one got shop 4 after 2, and not 3',
    'one got bank 1 1 1 within a transaction of shop',
  ])
  t.strictSame(ledger.outstanding(), [
    'one has 1 of 2 of shop 4',
    'one lacks 1 transactions of bank',
  ])
})

test('it finds a message that was carried on twice, and one that was not', async t => {
  const ledger = new Ledger()
  for (const number of [1, 2, 3, 4]) ledger.acknowledge('carried', number, 'once')
  for (const number of [2, 1, 4, 2]) ledger.receiveOnce('carried', number)
  t.strictSame(ledger.findings, ['carried 2 came twice, which must come once'])
  t.strictSame(ledger.outstanding(new Map()), ['of carried 3 has not come, of 4'])
  ledger.receiveOnce('carried', 3)
  t.strictSame(ledger.outstanding(new Map()), [])
})

test('it finds a live value that is older than the last one', async t => {
  const ledger = new Ledger()
  for (const number of [1, 5, 4]) ledger.receiveNewest('data', number, 'watcher', false)
  t.strictSame(ledger.findings, ['watcher got data 4 after 5'])
})

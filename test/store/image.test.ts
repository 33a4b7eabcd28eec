// The image of a ledger is made in slices, and between two of them the ledger changes: it must tell the state as it
// was when it was begun, and no slice may take long.

import { test } from 'tap'
import { Writer } from '../../src/packet/writer.ts'
import { RandomChanges } from '../../src/store-kit/random-changes.ts'
import { ByteReader } from '../../src/store/bytes.ts'
import { writeChanges } from '../../src/store/change-codec.ts'
import type { Change } from '../../src/store/change.ts'
import { applyRecords } from '../../src/store/ledger/apply-records.ts'
import { endRestore, imageOf, LedgerImage, restoreRecord } from '../../src/store/ledger/image.ts'
import { Ledger } from '../../src/store/ledger/ledger.ts'

const BOB = { kind: 'session', clientId: 'bob' } as const
const SLICE_BYTES_MAX = 300_000
const SLOTS_A_SLICE = 65_536
const NONE: readonly number[] = []

function newLedger(): Ledger {
  return new Ledger(position => Math.floor(position / 100))
}

function apply(ledger: Ledger, changes: readonly Change[], position: number): void {
  const writer = new Writer()
  writeChanges(writer, changes)
  applyRecords(
    ledger,
    new ByteReader(Buffer.from(writer.bytes.subarray(0, writer.length))),
    position,
  )
}

function restored(parts: Iterable<Buffer>): Ledger {
  const ledger = newLedger()
  for (const part of parts) {
    const reader = new ByteReader(part)
    while (reader.position < part.length) restoreRecord(ledger, reader)
  }
  endRestore(ledger)
  return ledger
}

/** In one order, whatever was taken out and put in again. */
function bytesOf(ledger: Ledger): readonly string[] {
  const records: string[] = []
  for (const part of new LedgerImage(ledger, 1).slices()) records.push(part.toString('hex'))
  return records.sort()
}

for (let seed = 1; seed <= 60; seed++) {
  test(`an image tells the state as it was when it was begun, whatever changes meanwhile, seed ${seed}`, async t => {
    const random = new RandomChanges(seed)
    const ledger = newLedger()
    let position = 0
    const change = (): void => apply(ledger, random.group(), ++position)
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 60; count++) change()
      const then = restored(imageOf(ledger))

      const image = new LedgerImage(ledger, 1)
      const parts: Buffer[] = []
      for (const part of image.slices()) {
        parts.push(Buffer.from(part))
        for (let count = random.below(3); count > 0; count--) change()
      }

      t.strictSame(bytesOf(restored(parts)), bytesOf(then))
    }
  })
}

test('no slice of an image is large, and none looks at many messages', async t => {
  const ledger = newLedger()
  ledger.openSession('bob', 1_000)
  const count = 400_000
  for (let number = 1; number <= count; number++) {
    ledger.storeMessage(number, 100, number, 0)
    ledger.queue(number, BOB, number, 1, NONE, 0)
    ledger.endCommit()
  }
  const full = [...new LedgerImage(ledger).slices()].map(({ length }) => length)
  t.ok(Math.max(...full) <= SLICE_BYTES_MAX, `at most ${Math.max(...full)} bytes`)

  // Few messages are left in a table that was large.
  for (let number = 1; number < count; number++) ledger.settle(number, BOB)
  ledger.endCommit()
  const slices = [...new LedgerImage(ledger).slices()]
  t.ok(slices.length >= count / SLOTS_A_SLICE, `${slices.length} slices`)
})

test('state that changes while an image is made is copied once, and not after its end', async t => {
  const ledger = newLedger()
  ledger.openSession('bob', 1_000)
  const image = new LedgerImage(ledger)
  const before = ledger.sessions.get('bob')
  const during = ledger.sessionToChange('bob')
  t.not(during, before)
  t.equal(ledger.sessionToChange('bob'), during)
  image.end()

  new LedgerImage(ledger).end()
  t.equal(ledger.sessionToChange('bob'), during)
})

// The kinds of changes that are read by hand, for speed, do what their rows say.

import { test } from 'tap'
import { RandomChanges } from '../../src/store-kit/random-changes.ts'
import { Writer } from '../../src/packet/writer.ts'
import { ByteReader } from '../../src/store/bytes.ts'
import { applyByRow, writeChanges } from '../../src/store/change-codec.ts'
import { applyRecords } from '../../src/store/ledger/apply-records.ts'
import { endRestore, imageOf, restoreRecord } from '../../src/store/ledger/image.ts'
import { Ledger } from '../../src/store/ledger/ledger.ts'
import { NewerVersion } from '../../src/store/newer-version.ts'
import { readOwner } from '../../src/store/owner.ts'

const extentOf = (position: number): number => Math.floor(position / 64)

for (let seed = 1; seed <= 20; seed++) {
  test(`what is applied by hand is what the rows say, seed ${seed}`, async t => {
    const random = new RandomChanges(seed)
    const [byHand, byRow] = [new Ledger(extentOf), new Ledger(extentOf)]
    for (let position = 1; position <= 400; position++) {
      const payload = bytesOf(random)
      applyRecords(byHand, new ByteReader(payload), position)
      applyByRows(byRow, payload, position)
    }

    t.strictSame(Buffer.concat(imageOf(byHand)), Buffer.concat(imageOf(byRow)))
  })

  test(`a ledger that is restored from an image is the same, seed ${seed}`, async t => {
    const random = new RandomChanges(seed)
    const [one, other] = [new Ledger(extentOf), new Ledger(extentOf)]
    for (let position = 1; position <= 200; position++) {
      applyRecords(one, new ByteReader(bytesOf(random)), position)
    }
    for (const part of imageOf(one)) restorePart(other, part)
    endRestore(other)
    t.strictSame(Buffer.concat(imageOf(other)), Buffer.concat(imageOf(one)))

    for (let position = 201; position <= 400; position++) {
      const payload = bytesOf(random)
      applyRecords(one, new ByteReader(payload), position)
      applyRecords(other, new ByteReader(payload), position)
    }
    t.equal(other.messages.count, one.messages.count)
    t.same([...other.sessions.keys()], [...one.sessions.keys()])
  })
}

test('a kind of change, of an owner or of a record of an image that nobody knows is a newer version of the store', async t => {
  const ledger = new Ledger(extentOf)
  const unknown = Buffer.of(200, 0, 0)

  t.throws(() => applyRecords(ledger, new ByteReader(unknown), 1), NewerVersion)
  t.throws(() => readOwner(new ByteReader(unknown)), NewerVersion)
  t.throws(() => restoreRecord(ledger, new ByteReader(unknown)), NewerVersion)
})

function bytesOf(random: RandomChanges): Buffer {
  const writer = new Writer()
  writeChanges(writer, random.group())
  return writer.bytes.subarray(0, writer.length)
}

function applyByRows(ledger: Ledger, payload: Buffer, position: number): void {
  const reader = new ByteReader(payload)
  while (reader.position < payload.length) {
    applyByRow(ledger, reader, { position, record: reader.position })
  }
  ledger.endCommit()
}

function restorePart(ledger: Ledger, part: Buffer): void {
  const reader = new ByteReader(part)
  while (reader.position < part.length) restoreRecord(ledger, reader)
}

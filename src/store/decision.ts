// What became of transactions, as stores keep it.

import type { Writer } from '../packet/writer.ts'
import type { ByteReader } from './bytes.ts'
import type { Codec } from './codec.ts'
import type { DecisionOutcome, StoredDecision } from './store.ts'

/** In the order of their numbers in the log. */
export const OUTCOMES: readonly DecisionOutcome[] = ['prepared', 'committed', 'aborted']

export const decisionOutcome: Codec<DecisionOutcome> = {
  write: (writer, outcome) => writer.uint8(OUTCOMES.indexOf(outcome)),
  read: reader => OUTCOMES[reader.uint8()] ?? 'committed',
}

/** It is in no record in which it is null. */
export const droppedNumber: Codec<number | null> = {
  write: (writer, number) => writer.uint53(number ?? 0),
  read: reader => reader.uint53(),
}

/** A decision of this name of a client. */
export function writeDecision(
  writer: Writer,
  { clientId, name }: Pick<StoredDecision, 'clientId' | 'name'>,
  decision: Omit<StoredDecision, 'clientId' | 'name'>,
): void {
  writer.string(clientId)
  writer.string(name)
  writer.uint53(decision.number)
  writer.uint16(decision.count)
  writer.uint53(decision.checksum)
  decisionOutcome.write(writer, decision.outcome, decision)
  writer.double(decision.at)
}

export function readDecision(reader: ByteReader): StoredDecision {
  return {
    clientId: reader.name(),
    name: reader.name(),
    number: reader.uint53(),
    count: reader.uint16(),
    checksum: reader.uint53(),
    outcome: decisionOutcome.read(reader, {}),
    at: reader.double(),
  }
}

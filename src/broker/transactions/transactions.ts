// All transactions: what clients stage, and how it is committed, aborted or forgotten.

import { WORK } from '../../limits.ts'
import { type Message, type Publishable, published } from '../../message.ts'
import { QUOTA_EXCEEDED, TOPIC_NAME_INVALID } from '../../packet/reason.ts'
import type { CommitId } from '../../store/journal.ts'
import type { DecisionOutcome } from '../../store/store.ts'
import { type Asker, NotAdmitted } from '../admission.ts'
import type { Broker } from '../broker.ts'
import { type Decision, Decisions } from './decisions.ts'
import { tellOutcome } from './outcomes.ts'
import { OpenTransactions } from './open-transactions.ts'
import { commitFault, deliveryIdsIn, refused, stageable } from './staging.ts'
import type { Transaction } from './transaction.ts'
import { requestIn, type TransactionId, type TransactionRequest } from './transaction-topic.ts'

const COUNT = /^[0-9]{1,9}$/
const NO_COUNT =
  'the payload of commit and prepare is the number of PUBLISH packets that were staged'
const NOTHING_STAGED =
  'nothing is staged under this id: it was never begun, or was forgotten with its connection or its time'
const QOS_0 = 'a PUBLISH of QoS 0 came into the transaction, and only 1 and 2 may'
const OTHER_CONTENT = 'this number was decided before, with other content'
const ABORTED = 'this transaction was aborted before'
const TOO_LOW = 'this number is too low: numbers of a name grow, and higher ones were decided'

/** Bytes of payload that are added to a checksum in one unit of work, as a power of two. */
const CHECKSUM_BYTES_PER_UNIT_BITS = 6

/** The client that asks, whose id is never null. */
type Client = Asker & { readonly clientId: string }

export class Transactions {
  readonly decisions: Decisions
  readonly #broker: Broker
  readonly #open: OpenTransactions

  constructor(broker: Broker) {
    this.#broker = broker
    this.decisions = new Decisions(broker)
    this.#open = new OpenTransactions(broker, transaction => this.#overdue(transaction))
  }

  get count(): number {
    return this.#open.count
  }

  /** Takes a PUBLISH that is a request by its topic or by its user property. Returns the commit that its answer waits for, or the refusal. */
  take(said: Publishable, topic: string, client: Client): CommitId | NotAdmitted {
    const request = requestIn(topic, said.properties.userProperties)
    if (typeof request === 'string') return refused(request, TOPIC_NAME_INVALID)
    const { verb, id } = request
    if (said.qos === 0) return this.#spoil(client.clientId, id, refused(QOS_0))
    switch (verb) {
      case 'publish':
      case 'ack':
        return this.#stage(said, request, client)
      case 'commit':
        return this.#commit(said, id, client)
      case 'prepare':
        return refused('transactions cannot be prepared here yet')
      case 'abort':
        return this.#abort(id, client)
    }
  }

  /** The client has left, or another connection has its session. */
  left(clientId: string): void {
    for (const transaction of this.#open.of(clientId)) this.#forget(transaction)
  }

  #stage(said: Publishable, request: TransactionRequest, client: Client): CommitId | NotAdmitted {
    const transaction = this.#open.begun(client.clientId, request.id)
    if (transaction instanceof NotAdmitted) return transaction
    this.#broker.turnWorkLeft -= said.payload.length >> CHECKSUM_BYTES_PER_UNIT_BITS
    const refusal = this.#added(transaction, said, request, client)
    if (refusal !== null) transaction.culprit ??= refusal
    return refusal ?? 0
  }

  #added(
    transaction: Transaction,
    said: Publishable,
    { verb, topic }: TransactionRequest,
    client: Client,
  ): NotAdmitted | null {
    if (verb === 'ack') {
      const ids = deliveryIdsIn(said)
      return ids instanceof NotAdmitted ? ids : this.#open.addSettlements(transaction, ids)
    }
    const message = stageable(this.#broker, said, topic, client)
    return message instanceof NotAdmitted ? message : this.#open.addMessage(transaction, message)
  }

  #commit(said: Publishable, id: TransactionId, client: Client): CommitId | NotAdmitted {
    const transaction = this.#open.find(client.clientId, id)
    const count = countIn(said)
    const known = this.decisions.find(client.clientId, id)
    if (known !== null) return this.#again(known, count, id, client.clientId)
    const fault = this.#fault(transaction, count, client)
    if (fault !== null || transaction === null) {
      return this.#refuse(client.clientId, id, fault ?? refused(NOTHING_STAGED))
    }
    return this.#apply(transaction)
  }

  /** Returns why it is not committed; null if it is. */
  #fault(transaction: Transaction | null, count: number, client: Client): NotAdmitted | null {
    if (Number.isNaN(count)) return refused(NO_COUNT)
    if (transaction === null) return refused(NOTHING_STAGED)
    const { culprit, count: staged, id } = transaction
    if (culprit !== null) return culprit
    if (staged !== count) return refused(`${count} were to be staged, and ${staged} were`)
    const { statistics } = this.#broker
    const limit = this.decisions.limitFor(client.clientId, id.name)
    if (limit === null) return commitFault(this.#broker, transaction, client)
    statistics.limited[limit] += 1
    return refused(`no room for another name of transactions (limits.${limit})`, QUOTA_EXCEEDED)
  }

  /** The number was decided before: the answer is the same, and nothing is applied. */
  #again(
    known: Decision | 'forgotten',
    count: number,
    id: TransactionId,
    clientId: string,
  ): CommitId | NotAdmitted {
    const transaction = this.#open.find(clientId, id)
    if (known === 'forgotten') return this.#refuse(clientId, id, refused(TOO_LOW))
    const isSame =
      known.count === count &&
      (transaction === null ||
        (transaction.count === count && transaction.checksum === known.checksum))
    if (!isSame) return this.#refuse(clientId, id, refused(OTHER_CONTENT))
    if (transaction !== null) this.#open.end(transaction)
    if (known.outcome === 'aborted') return this.#refuse(clientId, id, refused(ABORTED))
    tellOutcome(this.#broker, clientId, id.text, 'committed')
    // The first one may be in a commit that is not done yet.
    return this.#broker.journal.latest
  }

  /** Nobody sees anything of it before its commit, and nobody's message comes between its own. */
  #apply(transaction: Transaction): CommitId {
    const broker = this.#broker
    const { clientId, messages, settlements } = transaction
    this.#open.end(transaction)
    const commitId = broker.withinTransaction(() => {
      for (const message of messages) {
        const receivers = broker.publishing.publish(this.#fresh(message, transaction))
        broker.turnWorkLeft -= WORK.message + receivers * WORK.delivery
      }
      for (const deliveryId of settlements) broker.heldMessages.find(clientId, deliveryId)?.settle()
      this.#decide(transaction, 'committed')
    })
    broker.statistics.transactionsCommitted += 1
    return commitId
  }

  #decide({ clientId, id, count, checksum }: Transaction, outcome: DecisionOutcome): void {
    this.decisions.set(clientId, id, { count, checksum, outcome })
    tellOutcome(this.#broker, clientId, id.text, outcome)
  }

  /** Returns the message as it is published. Its expiry counts from now. */
  #fresh(message: Message, { since }: Transaction): Message {
    const broker = this.#broker
    const fresh = published(message, broker)
    return { ...fresh, expiresAt: message.expiresAt + broker.now - since }
  }

  #abort(id: TransactionId, { clientId }: Client): CommitId | NotAdmitted {
    const transaction = this.#open.find(clientId, id)
    if (transaction === null) {
      const known = this.decisions.find(clientId, id)
      const isCommitted = known !== null && known !== 'forgotten' && known.outcome === 'committed'
      return isCommitted ? refused('this transaction was committed before') : 0
    }
    this.#open.end(transaction)
    this.#giveBack(transaction)
    this.#broker.statistics.transactionsAborted += 1
    tellOutcome(this.#broker, clientId, id.text, 'aborted')
    return 0
  }

  /** The transaction ends, and nothing of it is applied. */
  #refuse(clientId: string, id: TransactionId, refusal: NotAdmitted): NotAdmitted {
    const transaction = this.#open.find(clientId, id)
    if (transaction !== null) this.#open.end(transaction)
    this.#broker.statistics.transactionsRefused += 1
    const { reason, sentence } = refusal
    tellOutcome(this.#broker, clientId, id.text, 'refused', reason, sentence)
    return refusal
  }

  /** A PUBLISH that cannot be staged: the transaction cannot be committed any more. */
  #spoil(clientId: string, id: TransactionId, refusal: NotAdmitted): NotAdmitted {
    const transaction = this.#open.begun(clientId, id)
    if (!(transaction instanceof NotAdmitted)) transaction.culprit ??= refusal
    return refusal
  }

  #overdue(transaction: Transaction): void {
    const broker = this.#broker
    const { transactionSecondsMax } = broker.limits
    broker.statistics.limited.transactionSecondsMax += 1
    this.#forget(transaction)
    this.#giveBack(transaction)
    const sentence = `it was open for ${transactionSecondsMax} seconds (limits.transactionSecondsMax)`
    const { clientId, id } = transaction
    tellOutcome(broker, clientId, id.text, 'aborted', QUOTA_EXCEEDED, sentence)
  }

  #forget(transaction: Transaction): void {
    this.#open.end(transaction)
    this.#broker.statistics.transactionsForgotten += 1
  }

  #giveBack({ clientId, settlements }: Transaction): void {
    const { heldMessages } = this.#broker
    for (const deliveryId of settlements) heldMessages.find(clientId, deliveryId)?.giveBack()
  }
}

function countIn({ payload }: Publishable): number {
  const text = payload.length > 16 ? '' : payload.toString().trim()
  return COUNT.test(text) ? Number(text) : Number.NaN
}

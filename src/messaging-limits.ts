// The limits of what plain MQTT does not have: queues, expressions, delays, transactions. They are rows of the table in `limits.ts`.

export const GIBIBYTE = 1_073_741_824
export const TEBIBYTE = 1_099_511_627_776

/** The arguments are in the order of a row in the reference page. */
export function whole(
  fallback: number,
  min: number,
  max: number,
  description: string,
): {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly description: string
} {
  return { default: fallback, min, max, description }
}

export const MESSAGING_LIMITS = {
  conflatedTopicsMax: whole(
    10_000,
    0,
    10_000_000,
    'Topics of one client of which its conflated subscriptions hold messages back; messages of more topics are not held back',
  ),
  conflatedBytesMax: whole(
    8_388_608,
    0,
    GIBIBYTE,
    'Bytes of these topics and the messages that wait; messages that find no room are not held back',
  ),
  expressionsPerClientMax: whole(
    100,
    0,
    1_000_000,
    'Subscriptions of a client that have an expression',
  ),
  expressionsMax: whole(
    10_000,
    0,
    10_000_000,
    'Different expressions of all subscriptions together, and each LIKE and comparison of two names in them; equal ones are asked once a message',
  ),
  delayedMessagesMax: whole(100_000, 0, 10_000_000, 'Delayed messages that are not due'),
  delayedMessagesPerClientMax: whole(1_000, 0, 10_000_000, 'The same of one client'),
  delayedMessagesPerUserMax: whole(
    10_000,
    0,
    10_000_000,
    'The same of the clients of one user, or of one address without a user',
  ),
  delayedBytesMax: whole(
    67_108_864,
    0,
    TEBIBYTE,
    'Bytes of delayed messages, which are in memory: topics, payloads, properties, and the objects that hold them',
  ),
  delayedBytesPerUserMax: whole(
    16_777_216,
    0,
    TEBIBYTE,
    'The same of the clients of one user, or of one address without a user',
  ),
  delayedSecondsMax: whole(
    4_294_967,
    0,
    4_294_967_295,
    'Longest delay of a message to $delayed/SECONDS/TOPIC',
  ),
  transactionMessagesMax: whole(
    1_000,
    1,
    65_535,
    'Messages and settlements of one transaction together',
  ),
  transactionBytesMax: whole(
    1_048_576,
    1_024,
    TEBIBYTE,
    'Bytes that one transaction has staged, which are in memory: topics, payloads, properties, and the objects that hold them',
  ),
  transactionsBytesMax: whole(67_108_864, 0, TEBIBYTE, 'The same of all transactions together'),
  transactionsBytesPerUserMax: whole(
    16_777_216,
    0,
    TEBIBYTE,
    'The same of the clients of one user, or of one address without a user',
  ),
  transactionsPerClientMax: whole(16, 0, 10_000, 'Transactions of a client that are not decided'),
  transactionSecondsMax: whole(
    60,
    1,
    86_400,
    'How long a transaction may be open that is not prepared; then it is forgotten',
  ),
  transactionAskAfterSeconds: whole(
    60,
    1,
    86_400,
    'After how long a client is asked to decide a prepared transaction, if it has subscribed to $tx/undecided; the times between double',
  ),
  transactionDecideWithinSeconds: whole(
    86_400,
    1,
    4_294_967_295,
    'How long a prepared transaction may wait for its decision; then it is aborted',
  ),
  transactionDeliveriesMax: whole(
    20_000,
    1,
    10_000_000,
    'Deliveries that one transaction may make; five units of work of the expressions that are asked about its messages count as one',
  ),
  transactionNamesPerClientMax: whole(
    16,
    1,
    10_000,
    'Names of transactions whose last decisions are kept, of one client',
  ),
  transactionNamesPerUserMax: whole(
    10_000,
    0,
    10_000_000,
    'The same of the clients of one user, or of one address without a user',
  ),
  transactionNamesMax: whole(100_000, 0, 10_000_000, 'The same of all clients together'),
  transactionNamesKeptSeconds: whole(
    2_592_000,
    60,
    4_294_967_295,
    'How long the decisions of a name are kept after the last one; then a repetition is not known any more',
  ),
  dedupeSeconds: whole(
    600,
    1,
    2_592_000,
    'How long the $message-id of a message is remembered, so that a repetition is dropped',
  ),
  dedupePerClientMax: whole(
    1_000,
    0,
    1_000_000,
    'How many of them are remembered of one client; the oldest is forgotten early',
  ),
  dedupePerUserMax: whole(
    100_000,
    0,
    10_000_000,
    'The same of the clients of one user, or of one address without a user; the oldest of the client that publishes is forgotten early',
  ),
  dedupeMax: whole(1_000_000, 0, 10_000_000, 'The same of all clients together'),
  dedupeIdBytesMax: whole(
    128,
    1,
    1_024,
    'Longest $message-id; a PUBLISH with a longer one is refused',
  ),
  namedQueuesMax: whole(
    1_000,
    0,
    100_000,
    'Named queues. Those for dead letters count, but are made all the same',
  ),
  namedQueuesPerUserMax: whole(
    16,
    0,
    100_000,
    'Named queues that the clients of one user, or of one address without a user, have made by subscribing',
  ),
} as const

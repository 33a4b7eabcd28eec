// What the memory account says by kind when nothing is kept.

export const NOTHING_KEPT = {
  messages: 0,
  deliveries: 0,
  retained: 0,
  subscriptions: 0,
  keys: 0,
  sessions: 0,
  wills: 0,
  aliases: 0,
  delayed: 0,
  conflated: 0,
  messageIds: 0,
  transactions: 0,
} as const

// The pages whose shell commands are run, one after the other, as `follower.ts` does it.

/** Those that need nothing but a broker as it is without a configuration. */
export const FOLLOWED_BESIDE_A_BROKER: readonly string[] = [
  'docs/how-to/dashboard.md',
  'docs/how-to/delay-messages.md',
  'docs/how-to/filter-messages.md',
  'docs/how-to/live-pages.md',
  'docs/how-to/publish-once.md',
  'docs/how-to/retained-set.md',
  'docs/how-to/systemd.md',
  'docs/how-to/transactions.md',
]

/** Those of the programs in `examples/messaging`, followed one after the other beside one broker. */
export const FOLLOWED_WITH_PROGRAMS: readonly string[] = [
  'docs/how-to/work-queue.md',
  'docs/how-to/commands-in-order.md',
  'docs/how-to/publish-together.md',
  'docs/how-to/database-and-publish.md',
]

/** The others are followed by tests of their own. */
export const FOLLOWED: readonly string[] = [
  ...FOLLOWED_BESIDE_A_BROKER,
  ...FOLLOWED_WITH_PROGRAMS,
  'README.md',
  'certs/README.md',
  'docs/how-to/back-up.md',
  'docs/how-to/browser-tokens.md',
  'docs/how-to/certificates-for-devices.md',
  'docs/how-to/find-out-what-happened.md',
  'docs/how-to/home-assistant.md',
  'docs/how-to/monitor.md',
  'docs/how-to/move-from-mosquitto.md',
  'docs/how-to/pre-shared-keys.md',
  'docs/how-to/queues.md',
  'docs/how-to/sessions.md',
  'docs/how-to/share-the-load.md',
  'docs/how-to/store-in-nats.md',
  'docs/how-to/use-the-rest-api.md',
  'docs/how-to/users-and-rules.md',
  'docs/tutorial/first-minute.md',
  'docs/tutorial/page-in-the-browser.md',
  'docs/tutorial/secure-it.md',
]

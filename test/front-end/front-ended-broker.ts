// A broker with front ends as processes of their own, and what its log says of them.

import { setTimeout as after } from 'node:timers/promises'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Test } from 'tap'
import { createBroker, type EmbeddedBroker, type EmbedOptions } from '../../src/index.ts'
import type { LogFields } from '../../src/observe/log.ts'

export class FrontEndedBroker {
  readonly broker: EmbeddedBroker
  readonly lines: readonly LogFields[]

  private constructor(broker: EmbeddedBroker, lines: readonly LogFields[]) {
    this.broker = broker
    this.lines = lines
  }

  static async start(t: Test, options: EmbedOptions): Promise<FrontEndedBroker> {
    const lines: LogFields[] = []
    const note = (fields: LogFields): void => void lines.push(fields)
    const broker = await createBroker({
      listeners: [{ port: 0 }],
      access: { anonymous: 'everywhere' },
      ...options,
      log: { debug: note, info: note, warn: note, error: note },
    })
    t.teardown(() => broker.close())
    return new FrontEndedBroker(broker, lines)
  }

  /** The lines of this event. */
  said(event: string): readonly LogFields[] {
    return this.lines.filter(each => each['event'] === event)
  }

  /** The processes of the front ends, in the order in which they were ready. */
  get processes(): readonly number[] {
    return this.said('front-end.ready').map(({ pid }) => Number(pid))
  }

  url(listener = 0): string {
    return this.broker.listeners[listener]?.name ?? ''
  }

  async client(t: Test, options: IClientOptions = {}, listener = 0): Promise<MqttClient> {
    const client = await mqtt.connectAsync(this.url(listener), {
      reconnectPeriod: 0,
      rejectUnauthorized: false,
      ...options,
    })
    client.on('error', () => {})
    t.teardown(() => client.endAsync(true))
    return client
  }
}

/** Waits until it is so. The time limit of the test is the only one. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await after(5)
}

/** Whether there is such a process. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

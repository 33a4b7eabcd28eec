// A broker of this build as a process of its own, with a configuration, for measurements that are not scenarios.

import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const CLI: string = fileURLToPath(new URL('../bundle/command/pondhawk.js', import.meta.url))

export interface StartedBroker {
  readonly child: ChildProcess
  readonly port: number
  readonly webPort: number
  /** Of all listeners, in their order. */
  readonly ports: readonly number[]
  readonly configFile: string
}

/**
 * The configuration needs no listeners: it gets one for MQTT and one for HTTP on free ports.
 * `words` stand before the command: a program that starts another, flags of Node.
 */
export async function startBroker(
  directory: string,
  config: object,
  words: readonly string[] = [process.execPath],
): Promise<StartedBroker> {
  const host = '127.0.0.1'
  const configFile = join(directory, 'pondhawk.json')
  const whole = {
    listeners: [
      { host, port: 0 },
      { host, port: 0, protocol: 'ws' },
    ],
    store: { directory: join(directory, 'store') },
    log: { format: 'json' },
    ...config,
  }
  writeFileSync(configFile, JSON.stringify(whole))
  // What a test runner puts into each Node that it sees started needs heap of its own.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', ...words, CLI, 'start', '-c', configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    if (!text.includes('"ready"')) text += chunk.toString()
  })
  while (!text.includes('"ready"')) {
    if (child.exitCode !== null) throw new Error(`the broker did not start: ${text}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const ports = [...text.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, digits]) => Number(digits))
  const [port = 0, webPort = 0] = ports
  return { child, port, webPort, ports, configFile }
}

// A broker with a configuration of its own, and the commands that ask it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import mqtt, { type IClientOptions } from 'mqtt'
import type { Test } from 'tap'
import { CLI } from '../command.ts'
import { Program, run } from '../interop/programs.ts'

export function configured(t: Test, durability = 'os') {
  const yaml = `listeners: [{port: 0}]\nstore: {directory: data, durability: ${durability}}\n`
  // A socket has a short path.
  const folder = mkdtempSync(resolve(tmpdir(), 'pondhawk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = resolve(folder, 'pondhawk.yaml')
  writeFileSync(file, yaml)
  const command = (...words: readonly string[]) =>
    run(process.execPath, [CLI, ...words, '--config', file])
  const session = (...words: readonly string[]) => command('session', ...words)
  const start = async () => {
    const program = new Program(process.execPath, [CLI, 'start', '--config', file])
    t.teardown(() => program.process.kill('SIGKILL'))
    await program.prints('"ready"}')
    const port = /127\.0\.0\.1:(\d+)/.exec(program.output)?.[1] ?? ''
    const stop = async (): Promise<void> => {
      program.process.kill('SIGTERM')
      await program.ends()
    }
    const url = `mqtt://127.0.0.1:${port}`
    const optionsOf = (clientId: string, options: IClientOptions): IClientOptions => ({
      clientId,
      clean: false,
      protocolVersion: 5,
      reconnectPeriod: 0,
      properties: { sessionExpiryInterval: 3_600 },
      ...options,
    })
    const connect = (clientId: string, options: IClientOptions = {}) =>
      mqtt.connectAsync(url, optionsOf(clientId, options))
    const sessionPresent = async (clientId: string): Promise<boolean> => {
      const client = mqtt.connect(url, optionsOf(clientId, {}))
      const present = await new Promise<boolean>(settle =>
        client.once('connect', packet => settle(packet.sessionPresent)),
      )
      await client.endAsync()
      return present
    }
    return { program, stop, connect, sessionPresent }
  }
  return { command, session, start, folder, socket: resolve(folder, 'data/admin.sock') }
}

// Whether the ports of the listeners are free.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config, ListenerConfig } from '../../config/config-types.ts'
import { type Finding, fine, problem } from './finding.ts'

/** `runs`: whether a broker with this store is running, which has the ports then. */
export async function portFindings(config: Config, runs: boolean): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const [index, listener] of config.listeners.entries()) {
    const { path, port = 0, host } = listener
    if (path !== undefined || port === 0) continue
    const what = `port ${port}`
    const code = await problemOf(listener)
    if (code === null) findings.push(fine(what, `free on ${host}`))
    else if (code === 'EADDRINUSE' && runs) findings.push(fine(what, 'the running broker has it'))
    else findings.push(problem(what, ...wordsOf(code, listener, index)))
  }
  return findings
}

/** Returns the code of the system's refusal to listen there. */
async function problemOf({ host, port }: ListenerConfig): Promise<string | null> {
  const server = createServer()
  server.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port, exclusive: true })
  try {
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function wordsOf(
  code: string,
  { host, port }: ListenerConfig,
  index: number,
): [sentence: string, mend: string] {
  const key = `listeners.${index}`
  switch (code) {
    case 'EADDRINUSE':
      return [
        `another program has ${host}:${port}`,
        `find it with: ss -ltnp 'sport = :${port}'. Stop it, or choose another port: ${key}.port`,
      ]
    case 'EACCES':
      return [
        `this user may not listen on ${port}`,
        `choose a port from 1024 up: ${key}.port; or allow it: setcap cap_net_bind_service=+ep "$(command -v node)"`,
      ]
    case 'EADDRNOTAVAIL':
      return [`this machine has no address ${host}`, `choose one that it has: ${key}.host`]
    default:
      return [`${host}:${port} cannot be listened on (${code})`, `see ${key}`]
  }
}

// Starts the process of a front end.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The descriptor of the link in the process of a front end, behind those of the standard streams and of orders. */
export const LINK_DESCRIPTOR = 4

/** What OpenSSL and Node read. Nothing else of the environment is a front end's business. */
const VARIABLES = ['NODE_OPTIONS', 'NODE_V8_COVERAGE', 'OPENSSL_CONF', 'SSL_CERT_FILE']

export function startFrontEnd(): ChildProcess {
  // The TypeScript source runs directly if Node can strip types.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const program = fileURLToPath(new URL(`./front-end-process.${extension}`, import.meta.url))
  const known = VARIABLES.flatMap(name => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return fork(program, [], {
    cwd: '/',
    env: Object.fromEntries(known),
    // Those of the core may open a debugger.
    execArgv: [],
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', 'pipe'],
  })
}

// Opens a page in the browser of the person at the terminal.

import { spawn } from 'node:child_process'

/** Returns false where no browser can be opened: on a server, or over SSH. */
export async function opensBrowser(
  url: string,
  platform: string = process.platform,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  const command = openerOf(platform, environment)
  if (command === null) return false
  const [program, ...args] = command
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true })
  child.unref()
  return new Promise(settle => {
    child.once('error', () => settle(false))
    child.once('spawn', () => settle(true))
  })
}

function openerOf(
  platform: string,
  environment: NodeJS.ProcessEnv,
): readonly [string, ...string[]] | null {
  if (environment['SSH_CONNECTION'] !== undefined) return null
  if (platform === 'darwin') return ['open']
  if (platform === 'win32') return ['explorer.exe']
  const hasScreen =
    environment['DISPLAY'] !== undefined || environment['WAYLAND_DISPLAY'] !== undefined
  return hasScreen ? ['xdg-open'] : null
}

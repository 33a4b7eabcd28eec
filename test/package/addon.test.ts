// The description of the add-on is what Home Assistant documents (developers.home-assistant.io, "App configuration"), and says what the image does.

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseConfig } from '../../src/config/parse.ts'

const ADDON = resolve(import.meta.dirname, '../../../addon')
const PORT = /^\d+\/(?:tcp|udp)$/
const URL_OF_PORT = /^(?:https?|tcp|\[PROTO:\w+\]):\/\/\[HOST\]:\[PORT:\d+\]/

/** The documented keys that this add-on uses; any other one is a mistake. */
const description = z.strictObject({
  name: z.string(),
  version: z.string(),
  slug: z.string().regex(/^[-_.a-z0-9]+$/),
  description: z.string(),
  url: z.url(),
  arch: z.array(z.enum(['aarch64', 'amd64'])).min(1),
  startup: z.enum(['initialize', 'system', 'services', 'application', 'once']),
  boot: z.enum(['auto', 'manual', 'manual_only']),
  init: z.boolean(),
  timeout: z.int().min(10).max(300),
  backup: z.enum(['hot', 'cold']),
  map: z.array(
    z
      .string()
      .regex(
        /^(?:addon_config|all_addon_configs|backup|data|homeassistant_config|media|share|ssl|addons)(?::r[ow])?$/,
      ),
  ),
  ports: z.record(z.string().regex(PORT), z.int().nullable()),
  webui: z.string().regex(URL_OF_PORT),
  watchdog: z.string().regex(URL_OF_PORT),
  options: z.record(z.string(), z.unknown()),
  schema: z.record(z.string(), z.unknown()),
})

const read = (name: string): string => readFileSync(join(ADDON, name), 'utf8')
const linesOf = (name: string): string => read(name).replaceAll('\\\n', '')

test('the add-on has the keys that Home Assistant documents, and the version of the package', async t => {
  const found = description.parse(parse(read('config.yaml')))
  const manifest = JSON.parse(readFileSync(join(ADDON, '../package.json'), 'utf8')) as object
  t.match(manifest, { version: found.version })
  t.match(linesOf('Dockerfile'), `ARG BUILD_VERSION=${found.version}\n`)
  t.match(linesOf('Dockerfile'), `io.hass.arch="${found.arch.join('|')}"`)
  t.strictSame(Object.keys(found.options), Object.keys(found.schema))
  t.ok(existsSync(join(ADDON, 'DOCS.md')))
})

test('the ports of the add-on are those of its configuration, and each has a name', async t => {
  const { ports, webui, watchdog } = description.parse(parse(read('config.yaml')))
  const { listeners, store, access } = parseConfig(parse(read('addon.yaml')))
  const names = listeners.map(({ port }) => `${port}/tcp`)
  t.strictSame(Object.keys(ports), names)
  const { network } = parse(read('translations/en.yaml')) as { network: object }
  t.strictSame(Object.keys(network), names)
  t.ok(names.includes(`${/PORT:(\d+)/.exec(webui)?.[1]}/tcp`))
  t.match(watchdog, '/healthz')
  // Only /data survives an update of the add-on.
  for (const path of [store.directory, access.usersFile]) t.match(path, /^\/data\//)
  t.match(linesOf('Dockerfile'), /^ENV PONDHAWK_CONFIG=\S+:\/pondhawk\/config\/addon\.yaml$/m)
})

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'prettier'
import { test } from 'tap'
import { parse } from 'yaml'
import type { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { exampleFile, referencePage, schemaFile } from '../../src/config/print-reference.ts'
import { configSchema } from '../../src/config/config.ts'
import type { Config, ConfigInput } from '../../src/config/config-types.ts'
import { typesFile } from '../../src/config/print-types.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

test('the reference page and the example are what the schema prints: npm run reference', async t => {
  t.equal(readFileSync(resolve(ROOT, 'docs/reference/configuration.md'), 'utf8'), referencePage())
  t.equal(readFileSync(resolve(ROOT, 'config/pondhawk.yaml'), 'utf8'), exampleFile())
  t.equal(readFileSync(resolve(ROOT, 'config/pondhawk.schema.json'), 'utf8'), schemaFile())
})

test('the example is valid, and is the default configuration', async t => {
  const file = resolve(ROOT, 'config/pondhawk.yaml')

  t.strictSame(loadConfig({ file, environment: {}, overrides: {} }), parseConfig({}))
})

test('the example with its settings uncommented is the default configuration as well', async t => {
  const settings = exampleFile().slice(exampleFile().indexOf('# # access:'))

  const bare = settings.replaceAll(/^# ( *[a-zA-Z0-9]+:.*)$/gm, '$1')

  t.strictSame(parseConfig(parse(bare)), parseConfig({}))
})

test('the types of the configuration are those of the schema', async t => {
  const style = JSON.parse(readFileSync(resolve(ROOT, '.prettierrc'), 'utf8')) as object
  const printed = await format(typesFile(), { ...style, parser: 'typescript' })
  t.equal(readFileSync(resolve(ROOT, 'src/config/config-types.ts'), 'utf8'), printed)

  // The compiler compares them.
  const whole = (config: z.output<typeof configSchema>): Config => config
  const back = (config: Config): z.output<typeof configSchema> => config
  const written = (input: z.input<typeof configSchema>): ConfigInput => input
  t.ok(whole(back(parseConfig(written({})))))
})
